import { defineConfig } from 'vitest/config';

/** Far beyond what a run takes: a test that gets there hangs. */
const GRACE_MS = 60_000;
const runMs = Number(process.env['FUZZ_SECONDS'] ?? 60) * 1000;

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/fuzz/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: runMs + GRACE_MS,
    hookTimeout: GRACE_MS,
  },
});
