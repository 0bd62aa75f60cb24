/** Steps that write from one session: a script of SQL, COPY of generated rows. In: the step. Out: its cost. */
import { performance } from 'node:perf_hooks'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { QueryResult } from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { StepOf } from '../../../scenario/experiment-step.ts'
import type { ArmContext } from '../arm-context.ts'
import { billingColumns } from '../billing-rows.ts'
import { measured } from '../meter.ts'

export async function runSql(arm: ArmContext, step: StepOf<'sql'>): Promise<void> {
  const client = await arm.client()
  await measured(arm, step.name, async () => {
    const answers: unknown = await client.query(arm.sql(step.sql))
    const told = (Array.isArray(answers) ? answers : [answers]) as QueryResult[]
    const affected = told.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0)
    return { rows: step.rows === undefined ? affected : arm.number(step.rows) }
  })
}

export async function runCopy(arm: ArmContext, step: StepOf<'copy'>): Promise<void> {
  const client = await arm.client()
  const rows = arm.number(step.rows)
  const chunks = arm.number(step.chunks)
  await measured(arm, step.name, async () => {
    const perS: number[] = []
    for (let chunk = 0; chunk < chunks; chunk++) {
      const part = Math.floor((rows * (chunk + 1)) / chunks) - Math.floor((rows * chunk) / chunks)
      const startMs = performance.now()
      const sink = client.query(copyFrom(`COPY ${step.into} (${billingColumns}) FROM STDIN`))
      const source = Readable.from(arm.rows.copyText(part), { objectMode: false })
      await pipeline(source, sink, { signal: arm.signal })
      perS.push((part / (performance.now() - startMs)) * 1_000)
    }
    const ends = { firstRowsPerS: perS[0] ?? 0, lastRowsPerS: perS.at(-1) ?? 0 }
    return { rows, figures: ends }
  })
}
