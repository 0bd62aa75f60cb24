/** Targets of kind service at the door: what is wrong is told with its line and remedy, before anything starts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { HeadroomError } from '../../src/kit/errors.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import { Scenario } from '../../src/scenario/scenario.ts'
import { loadTarget } from '../../src/target/load.ts'
import { serviceInputs } from '../../src/target/service-inputs.ts'
import { requestsOf } from '../../src/target/service-speech.ts'
import type { ServiceTarget } from '../../src/target/service-target.ts'
import { statementText } from '../../src/target/statement-text.ts'

const dir = mkdtempSync(join(tmpdir(), 'headroom-service-target-'))
afterAll(() => {
  rmSync(dir, { recursive: true, force: true })
})

const BASE = `
kind: service
name: mine
url: http://127.0.0.1:8080
audit: { by: reads }
`
const TEMPLATE = `${BASE}
request:
  path: /in
  body: { event: { id: "\${transaction_id}" } }
`

function load(text: string): ServiceTarget {
  const file = join(dir, 'target.yaml')
  writeFileSync(file, text)
  const target = loadTarget(file)
  if (target.kind !== 'service') throw new Error('not a service')
  return target
}

function problemsOf(text: string): string {
  try {
    load(text)
  } catch (error) {
    if (!(error instanceof HeadroomError)) throw error
    return error.problems
      .map(({ path, message, remedy }) => `${path}: ${message}: ${remedy}`)
      .join('\n')
  }
  throw new Error('nothing was wrong')
}

const scenario = Scenario.parse({
  name: 's',
  seed: 1,
  rate: { kind: 'constant', ratePerS: 1 },
  phases: { measureS: 1 },
  initialRows: 10,
  batchEvents: 2,
  queries: [
    { name: 'Q1', everyS: 1 },
    { name: 'Q4', everyS: 1 },
  ],
})

describe('a target of kind service', () => {
  it('says what is assumed where it promises nothing', () => {
    const around = { scenario, env: {}, external: {} }
    const assumed = /no promises are given: .*process-kill, at-least-once/
    expect(serviceInputs([load(BASE)], around).warnings.join()).toMatch(assumed)
    const given = load(`${BASE}promises: { survives: nothing }\n`)
    expect(serviceInputs([given], around).warnings.join()).not.toMatch(assumed)
  })

  it('names the line that takes a variable which is not set', () => {
    const target = load(`${BASE}headers:\n  accept: text/plain\n  x-key: "\${env.NOT_SET}"\n`)
    const around = { scenario, env: {}, external: {} }
    expect(() => serviceInputs([target], around)).toThrow(/NOT_SET.*target\.yaml:8/)
  })

  it('needs an address and an audit, and nothing else', () => {
    const target = load(BASE)
    expect(target.audit).toMatchObject({ by: 'reads', events: 'all', value: 'event.value' })
    expect(target.promises).toMatchObject({ delivery: 'at-least-once', duplicates: 'one-row' })
  })

  it('is refused where a rule for an answer names nothing: every answer would fit it', () => {
    const audit = (rule: string): string => BASE.replace('{ by: reads }', `{ by: reads, ${rule} }`)
    for (const text of [
      audit('found: {}'),
      audit('missing: { body: {} }'),
      `${TEMPLATE}answers: { accepted: {} }\n`,
    ]) {
      expect(problemsOf(text)).toContain('names neither a status nor a field of the body')
    }
    expect(load(audit('found: { body: { ok: true } }')).audit).toMatchObject({ by: 'reads' })
  })

  it('is refused where it lets fewer events be asked for than prove anything', () => {
    const audit = (events: number): string =>
      BASE.replace('{ by: reads }', `{ by: reads, events: ${String(events)} }`)
    expect(problemsOf(audit(299))).toContain('audit.events')
    expect(load(audit(300)).audit).toMatchObject({ events: 300 })
  })

  it('names its files relative to itself', () => {
    const target = load(
      `${BASE.replace('http:', 'https:')}ca: my.pem\nprocess: { command: [run] }\n`,
    )
    expect(target.ca).toBe(join(dir, 'my.pem'))
    expect(target.process).toMatchObject({ cwd: dir })
  })

  it.each([
    [
      'an address that holds a password',
      BASE.replace('127', 'me:pw@127'),
      /url: the address holds a user or password/,
    ],
    ['an address that is none', BASE.replace('http://127.0.0.1:8080', 'my-service'), /url/],
    ['a certificate authority without TLS', `${BASE}ca: x.pem\n`, /ca: .*without TLS/],
    [
      'a secret written out',
      `${BASE}headers: { Authorization: Bearer abc }\n`,
      /headers.Authorization: .*written out.*\$\{env/,
    ],
    ['a header of two lines', `${BASE}headers: { x-a: "a\\nb" }\n`, /headers.x-a/],
    [
      'a field of the event in a header of all requests',
      `${BASE}headers: { x-a: "\${code}" }\n`,
      /headers.x-a: \$\{code\} is not known here/,
    ],
    [
      'a misspelt field',
      TEMPLATE.replace('transaction_id', 'transactionId'),
      /did you mean "transaction_id"/,
    ],
    [
      'an event’s field in the path of a batch',
      TEMPLATE.replace('/in', '/${code}').replace('body: {', 'body: { batch: array,'),
      /set batch: one/,
    ],
    [
      'an array of texts',
      TEMPLATE.replace('event: { id: "${transaction_id}" }', 'event: "a", batch: array'),
      /batch: lines/,
    ],
    [
      'something around lines',
      TEMPLATE.replace('body: {', 'body: { batch: lines, around: { a: "${events}" },'),
      /around an array only/,
    ],
    [
      'an envelope without a place',
      TEMPLATE.replace('body: {', 'body: { batch: array, around: { a: 1 },'),
      /where the events go/,
    ],
    [
      'items of one event',
      `${TEMPLATE}answers: { items: { at: a, accepted: ok } }\n`,
      /answers.items/,
    ],
    [
      'reads that name no event',
      BASE.replace('by: reads', 'by: reads, path: /all'),
      /write \$\{transaction_id\}/,
    ],
    [
      'a statement with an unknown placeholder',
      BASE.replace('by: reads', 'by: sql, engine: postgres, statement: "SELECT ${since}"'),
      /known: started_at, run/,
    ],
    ['an audit of an unknown kind', BASE.replace('by: reads', 'by: faith'), /audit/],
    [
      'no audit of exactly once',
      BASE.replace('by: reads', 'by: none') + 'promises: { delivery: exactly-once }\n',
      /audit by reads or by sql/,
    ],
    [
      'a secret among the arguments',
      `${BASE}process: { command: [run, "\${env.KEY}"] }\n`,
      /visible to every user/,
    ],
    ['no audit at all', BASE.replace('audit: { by: reads }', ''), /audit is missing/],
  ])('says of %s what to do', (_, text, expected) => {
    expect(problemsOf(text)).toMatch(expected)
  })
})

describe('what a service needs besides its file', () => {
  it('is a value for every variable it names, and those are secrets', () => {
    const target = load(`${BASE}headers: { authorization: "Bearer \${env.A_TOKEN}" }\n`)
    const around = { scenario: { ...scenario, batchEvents: 1 }, external: {} }
    expect(() => serviceInputs([target], { ...around, env: {} })).toThrow(
      /takes A_TOKEN \(.*target.yaml:\d+\) from the environment/,
    )
    expect(serviceInputs([target], { ...around, env: { A_TOKEN: 'xyz' } }).secrets).toEqual(['xyz'])
    const requests = requestsOf(target, { env: { A_TOKEN: 'xyz' }, mark: 'm' })
    expect(requests.headers).toEqual({ authorization: 'Bearer xyz' })
    expect(JSON.stringify(target)).not.toContain('xyz')
  })

  it('is a scenario that sends what it takes', () => {
    const given = { scenario, env: {}, external: {} }
    expect(() => serviceInputs([load(TEMPLATE)], given)).toThrow(
      /sends 2 events a request, target mine takes one/,
    )
  })

  it('is the address of the server its audit reads', () => {
    const target = load(
      BASE.replace('by: reads', 'by: sql, engine: clickhouse, statement: SELECT 1'),
    )
    const given = { scenario, env: {}, external: {} }
    expect(() => serviceInputs([target], given)).toThrow(
      /audited by SQL on a clickhouse, but none is named/,
    )
  })

  it('is said where it can be done without: rows, queries, engines, the process', () => {
    const target = load(`${BASE}queries: [Q1]\nengines: { db: { kind: postgres } }\n`)
    const warnings = serviceInputs([target], { scenario, env: {}, external: {} }).warnings.join(
      '\n',
    )
    expect(warnings).toContain('no address of its db is given')
    expect(warnings).toContain('without the scenario’s initial rows')
    expect(warnings).toContain('CPU and memory of the service are not seen')
  })
})

describe('an audit statement', () => {
  it('loses its semicolon and gets the run’s start and mark as SQL texts', () => {
    const startedAt = new Date('2026-01-02T03:04:05.006Z')
    const text = "SELECT 1 WHERE at >= ${started_at} AND id LIKE ${run} || '%' ;;\n"
    expect(statementText(text, { startedAt, mark: 'abc' })).toBe(
      "SELECT 1 WHERE at >= '2026-01-02T03:04:05.006Z' AND id LIKE 'abc' || '%' ",
    )
  })
})

describe('the examples of the documentation', () => {
  const examples = join(packageRoot, 'docs/examples/own-service')

  it.each(['my-service', 'my-service-by-template', 'demo'])('%s is a target', (name) => {
    expect(loadTarget(join(examples, 'targets', `${name}.yaml`)).kind).toBe('service')
  })

  it('my-load is a scenario', () => {
    const file = join(examples, 'scenarios/my-load.yaml')
    const nothing = { rounds: undefined, ratesPerS: undefined, initialRows: undefined }
    expect(loadScenario(file, nothing).scenario.name).toBe('my-load')
  })
})
