/** A request that has its connection to PgBouncer at once and waits in there for one of the server: trigger E14 sees it. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { findProgram } from '../../src/engines/packages/program.ts'
import { ruleValue, worstMetric } from '../../src/judge/rule-value.ts'
import { RunRecord } from '../../src/results/record.ts'
import { headroom, temporaryFolder } from '../cli/cli-process.ts'
import { shippedTriggers } from '../fixtures/triggers.ts'

/** Requests of the time that the table is locked: fewer than the service's connections, more than the pooler's. */
const SCENARIO = `
name: queued
seed: 5
rate: { kind: constant, ratePerS: 8 }
phases: { warmupS: 1, measureS: 12, drainS: 10 }
requestTimeoutMs: 20000
slowDisk: never
slos: []
faults:
  - { kind: session, role: database, begin: BEGIN; LOCK TABLE events IN EXCLUSIVE MODE, atS: 3, lengthS: 6 }
`

const TARGET = `
kind: architecture
name: narrow
architecture: pg-direct
settings: { connections: 64 }
engines:
  database:
    pooler: { settings: { default_pool_size: 2 } }
`

const isMissing = findProgram('pgbouncer') === null && !process.env['HEADROOM_REQUIRE_ALL']

it.skipIf(isMissing)(
  'seconds in the queue of a pooler are the connection wait of a run',
  async () => {
    const folder = temporaryFolder()
    try {
      writeFileSync(join(folder.path, 'queued.yaml'), SCENARIO)
      writeFileSync(join(folder.path, 'narrow.yaml'), TARGET)
      const args = ['run', './queued.yaml', '--target', './narrow.yaml']
      const { stderr } = await headroom(args, { cwd: folder.path })
      const files = readdirSync(folder.path, { recursive: true, encoding: 'utf8' })
      const file = files.find((name) => name.endsWith('run.json'))
      expect(file, stderr).toBeDefined()
      const { outcome } = RunRecord.parse(
        JSON.parse(readFileSync(join(folder.path, file ?? ''), 'utf8')),
      )
      if (outcome.state !== 'completed') throw new Error(`${outcome.state}: ${stderr}`)
      expect(outcome.measured.faults).toMatchObject([{ failed: null }])
      const steps = outcome.measured.steps.filter(({ kind }) => kind === 'measure')
      const rule = shippedTriggers().find(({ id }) => id === 'E14')?.judged
      if (rule?.kind !== 'symptom') throw new Error('E14 is a symptom')
      expect(ruleValue(steps[0]!, rule)).toBeGreaterThan(rule.thresholds.critical)
      expect(worstMetric(steps, rule)).toBe('pooler.waitMaxMs')
      // As far as the service can tell, every request had its connection.
      const ofTheService = { ...rule, metrics: ['pool.waitMs'] }
      expect(ruleValue(steps[0]!, ofTheService)).toBeLessThan(rule.thresholds.critical)
    } finally {
      folder.remove()
    }
  },
)
