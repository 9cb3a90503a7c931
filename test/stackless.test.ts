import { describe, expect, it } from 'vitest';
import { ConsensusError } from '../src/consensus/consensus.ts';
import { stackless } from '../src/stackless.ts';

describe('an error that is an answer', () => {
  it('has its name and message, and no stack', () => {
    const error = stackless(() => new ConsensusError('not-leader'));
    expect(error).toMatchObject({ name: 'ConsensusError', kind: 'not-leader' });
    expect(error.stack).not.toMatch(/^ +at /m);
  });

  it('leaves all others theirs, also when it cannot be made', () => {
    const refuse = (): never => {
      throw new Error('no');
    };
    expect(() => stackless(refuse)).toThrow('no');
    stackless(() => new Error('an answer'));
    expect(new Error('a fault').stack).toContain('stackless.test.ts');
  });
});
