/** Suites of cases as JUnit XML, as every CI system reads it. In: cases. Out: the document; no clock, so no times of cases. */
import { escapeXml } from './escape.ts'

export interface TestCase {
  readonly name: string
  readonly result: 'passed' | 'failed' | 'error' | 'skipped'
  /** Short reason for anything that did not pass. */
  readonly message: string
  readonly output: string
}

export interface TestSuite {
  readonly name: string
  readonly startedAt: string
  readonly cases: readonly TestCase[]
}

export function junitXml(
  study: { readonly id: string; readonly tookS: number },
  suites: readonly TestSuite[],
): string {
  const all = suites.flatMap((suite) => suite.cases)
  const head = `<testsuites name="${escapeXml(`headroom ${study.id}`)}" ${countsOf(all)} time="${study.tookS.toFixed(3)}">`
  const body = suites.map((suite) =>
    [
      `  <testsuite name="${escapeXml(suite.name)}" ${countsOf(suite.cases)} timestamp="${escapeXml(suite.startedAt)}">`,
      ...suite.cases.map((one) => caseXml(suite.name, one)),
      '  </testsuite>',
    ].join('\n'),
  )
  return ['<?xml version="1.0" encoding="UTF-8"?>', head, ...body, '</testsuites>', ''].join('\n')
}

function caseXml(suite: string, { name, result, message, output }: TestCase): string {
  const attributes = `classname="${escapeXml(suite)}" name="${escapeXml(name)}" time="0"`
  const inner: string[] = []
  if (result === 'failed') inner.push(`<failure message="${escapeXml(message)}"/>`)
  if (result === 'error') inner.push(`<error message="${escapeXml(message)}"/>`)
  if (result === 'skipped') inner.push(`<skipped message="${escapeXml(message)}"/>`)
  if (output !== '') inner.push(`<system-out>${escapeXml(output)}</system-out>`)
  return inner.length === 0
    ? `    <testcase ${attributes}/>`
    : `    <testcase ${attributes}>${inner.join('')}</testcase>`
}

function countsOf(cases: readonly TestCase[]): string {
  const count = (result: TestCase['result']): string =>
    String(cases.filter((one) => one.result === result).length)
  return `tests="${String(cases.length)}" failures="${count('failed')}" errors="${count('error')}" skipped="${count('skipped')}"`
}
