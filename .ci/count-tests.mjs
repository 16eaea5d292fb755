// Usage: node count-tests.mjs REPORT FAILURES SKIPS
// Prints `<passed> <failed>` for a report of vitest's json reporter, and appends to the file FAILURES what failed: a line with
// the test's file and name, then the first lines of its message. A test file that failed without a failed test, because it
// could not be loaded, counts as one failure. Appends to the file SKIPS a line for each test that was skipped.

import { appendFileSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

const SHOWN_MESSAGE_LINES = 15;

const [reportPath, failuresPath, skipsPath] = process.argv.slice(2);

let passed = 0;
let failed = 0;
for (const file of JSON.parse(readFileSync(reportPath, 'utf8')).testResults) {
  const failures = failuresOf(file);
  passed += file.assertionResults.filter((test) => test.status === 'passed').length;
  failed += failures.length;
  const path = relative(process.cwd(), file.name);
  for (const { name, message } of failures) report(`${path} > ${name}`, message);
  const skipped = file.assertionResults.filter((test) => test.status === 'skipped' || test.status === 'pending');
  for (const { fullName } of skipped) appendFileSync(skipsPath, `skip ${path} > ${fullName}\n`);
}
console.log(passed, failed);

function failuresOf(file) {
  const failures = file.assertionResults
    .filter((test) => test.status === 'failed')
    .map((test) => ({ name: test.fullName, message: test.failureMessages.join('\n') }));
  if (failures.length === 0 && file.status === 'failed') return [{ name: 'the file itself', message: file.message ?? '' }];
  return failures;
}

function report(title, message) {
  const shown = message.split('\n').slice(0, SHOWN_MESSAGE_LINES).map((line) => `     ${line}`);
  appendFileSync(failuresPath, [`FAIL ${title}`, ...shown, ''].join('\n'));
}
