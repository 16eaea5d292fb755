import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/faults/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    // For what hangs, as in vitest.config.ts.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
