// Prints `<passed> <failed>` for a report of vitest's json reporter. A test file that failed without a failed test,
// because it could not be loaded, counts as one failure.

import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
let passed = 0;
let failed = 0;
for (const file of report.testResults) {
  const failedHere = file.assertionResults.filter((test) => test.status === 'failed').length;
  passed += file.assertionResults.filter((test) => test.status === 'passed').length;
  failed += failedHere === 0 && file.status === 'failed' ? 1 : failedHere;
}
console.log(passed, failed);
