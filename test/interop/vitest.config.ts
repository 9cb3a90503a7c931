import { defineConfig } from 'vitest/config';

// Tests against real peers: each skips loudly when its peer is not installed.
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
