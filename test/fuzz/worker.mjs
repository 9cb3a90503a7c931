// A thread of the fuzzer: makes TypeScript readable, then does what worker.ts says.
import { register } from 'tsx/esm/api';

register();
await import('./worker.ts');
