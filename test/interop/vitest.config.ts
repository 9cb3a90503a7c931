import { defineConfig } from 'vitest/config';

// Tests against real peers and of whole processes: what is not installed or not allowed is skipped
// loudly. They take sockets, processes and time, so that one file runs after the other.
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    globalSetup: ['./test/interop/build.ts'],
    testTimeout: 180_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    reporters: ['default', './test/support/summary-reporter.ts'],
  },
});
