// Sums up vitest's JSON: `<passed> <failed>` on stdout, what failed or was skipped in a text file.
import { readFileSync, writeFileSync } from 'node:fs'

const [jsonFile, textFile] = process.argv.slice(2)
const SHOWN_MAX = 40

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
  passed = tests.filter((test) => test.status === 'passed').length
  failed = tests.filter(isFailed).length + broken.length
  const skipped = tests.filter((test) => ['pending', 'skipped', 'todo'].includes(test.status))
  lines = [
    ...broken.map((suite) => `FAIL ${suite.name}: ${firstLine(suite.message)}`),
    ...tests
      .filter(isFailed)
      .map((test) => `FAIL ${test.file}: ${test.fullName}: ${firstLine(test.failureMessages[0])}`),
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

function firstLine(text = '') {
  return text.split('\n')[0]
}
