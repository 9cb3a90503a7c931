import { expectTypeOf, it } from 'vitest';
import type { AnswerTo, Message, Question } from '../../machines/messages.ts';
import type { Post, Receivers, Routed } from '../../machines/routes.ts';

it('a post takes what the route table allows, and nothing else', () => {
  const post: Post<'process'> = { send: () => {}, ask: () => Promise.reject(new Error('none')) };
  post.send('agent', { type: 'reload.requested', signal: 'SIGHUP' });
  // @ts-expect-error nobody listens to that signal
  post.send('agent', { type: 'reload.requested', signal: 'SIGUSR1' });
  // @ts-expect-error the process has nothing to say to raft
  post.send('raft', { type: 'reload.requested', signal: 'SIGHUP' });
  // @ts-expect-error the agent is not told this by the process
  post.send('agent', { type: 'leadership.gained' });
  expectTypeOf<Receivers<'process'>>().toEqualTypeOf<'agent'>();
  expectTypeOf<Routed<'process', 'agent'>>().toEqualTypeOf<
    'shutdown.requested' | 'reload.requested'
  >();
  expectTypeOf<AnswerTo<'tags.set'>>().toEqualTypeOf<null>();
  expectTypeOf<keyof Question<'tags.set'>>().toEqualTypeOf<'type' | 'tags'>();
  expectTypeOf<Message<'reload.requested'>['signal']>().toEqualTypeOf<'SIGHUP'>();
});
