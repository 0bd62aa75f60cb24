// Sums up vitest's JSON: `<passed> <failed>` on stdout; what failed, passed at its second try only or was skipped in a
// text file. A second try is for a noisy machine: where more tests needed one than a machine explains, all of them failed.
import { readFileSync, writeFileSync } from 'node:fs'

const [jsonFile, textFile] = process.argv.slice(2)
const SHOWN_MAX = 40
const SECOND_TRIES_MAX = 3

let lines
let passed = 0
let failed
try {
  const report = JSON.parse(readFileSync(jsonFile, 'utf8'))
  const suites = report.testResults
  const tests = suites.flatMap((suite) =>
    suite.assertionResults.map((test) => ({ ...test, file: suite.name.split('/test/').at(-1) })),
  )
  // A file that cannot even be loaded has no tests of its own.
  const broken = suites.filter(
    (suite) => suite.status === 'failed' && !suite.assertionResults.some(isFailed),
  )
  const again = tests.filter((test) => test.status === 'passed' && test.failureMessages.length > 0)
  const tooMany = again.length > SECOND_TRIES_MAX
  passed = tests.filter((test) => test.status === 'passed').length - (tooMany ? again.length : 0)
  failed = tests.filter(isFailed).length + broken.length + (tooMany ? again.length : 0)
  const skipped = tests.filter((test) => ['pending', 'skipped', 'todo'].includes(test.status))
  lines = [
    ...broken.map((suite) => `FAIL ${suite.name}: ${firstLine(suite.message)}`),
    ...tests.filter(isFailed).map((test) => `FAIL ${told(test)}`),
    ...again.map(
      (test) => `${tooMany ? 'FAIL at its first try' : 'passed at its second try'} ${told(test)}`,
    ),
    ...(skipped.length === 0 ? [] : [`${String(skipped.length)} skipped`]),
    ...skipped.map((test) => `skip ${test.file}: ${test.fullName}`),
  ]
} catch (error) {
  failed = 1
  lines = [`FAIL the tests left no result: ${error.message}`]
}
const cut = lines.slice(0, SHOWN_MAX).map((line) => line.slice(0, 300))
if (lines.length > SHOWN_MAX) cut.push(`… ${String(lines.length - SHOWN_MAX)} more`)
writeFileSync(textFile, cut.length === 0 ? '' : `${cut.join('\n')}\n`)
process.stdout.write(`${String(passed)} ${String(failed)}\n`)

function isFailed(test) {
  return test.status === 'failed'
}

function told(test) {
  return `${test.file}: ${test.fullName}: ${firstLine(test.failureMessages[0])}`
}

function firstLine(text = '') {
  return text.split('\n')[0]
}
