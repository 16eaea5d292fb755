import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/unit/**/*.test.ts', 'test/integration/**/*.test.ts', 'test/tidy.test.ts'],
    pool: 'forks',
    // Most tests wait for a daemon rather than compute.
    maxWorkers: 4,
    // For what hangs. How long a test computes, or waits for its processor, says nothing about the daemon.
    testTimeout: 90_000,
    hookTimeout: 90_000,
  },
});
