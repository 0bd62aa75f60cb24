/**
 * One arm of one round. In: the arm, its experiment, the engine it runs on. Out: what it left, or why not. Its tables are
 * gone afterwards, and every arm begins behind a checkpoint.
 */
import { performance } from 'node:perf_hooks'
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import { close, withClient } from '../../engines/postgres/connection.ts'
import { quoteName } from '../../engines/postgres/quote-name.ts'
import { sqlStateOf } from '../../engines/postgres/sql-state.ts'
import type { ArmOutcome } from '../../results/claims-record.ts'
import type { Arm, Experiment, ScaleName } from '../../scenario/experiment.ts'
import { stepsOf, valuesOf } from '../../scenario/experiment.ts'
import { ArmContext } from './arm-context.ts'
import { BillingRows } from './billing-rows.ts'
import type { OpenEngine } from './open-engine.ts'
import { PREPARED_SCHEMA, openSession } from './session.ts'
import { runStep } from './steps/step.ts'

/** Invalid value, insufficient privilege, unknown parameter, cannot be changed now. */
const SETTING_REFUSED = ['22023', '42501', '42704', '55P02']

export interface ArmRequest {
  readonly experiment: Experiment
  readonly scale: ScaleName
  readonly arm: Arm
  readonly engine: OpenEngine
  readonly signal: AbortSignal
}

export async function runArm(
  request: ArmRequest,
): Promise<{ readonly tookS: number; readonly outcome: ArmOutcome }> {
  const startMs = performance.now()
  const outcome = await outcomeOf(request)
  return { tookS: (performance.now() - startMs) / 1_000, outcome }
}

async function outcomeOf(request: ArmRequest): Promise<ArmOutcome> {
  const { arm, engine, signal } = request
  if (engine.state === 'missing') return { state: 'skipped', because: engine.because }
  const missing = arm.needs.find((need) => engine.cannot[need] !== undefined)
  if (missing !== undefined) return { state: 'skipped', because: engine.cannot[missing] ?? '' }
  try {
    const without = (await missingExtension(request)) ?? (await refusedSetting(request))
    if (without !== null) return { state: 'skipped', because: without }
    return await measureArm(request)
  } catch (error) {
    signal.throwIfAborted()
    // A user's own server gives the rights it gives.
    if (engine.running.provider === 'external' && sqlStateOf(error) === '42501') {
      return { state: 'skipped', because: `this role may not: ${messageOf(error)}` }
    }
    const code = error instanceof HeadroomError ? error.code : (sqlStateOf(error) ?? 'ERROR')
    return { state: 'failed', code, message: messageOf(error) }
  }
}

/** A build without lz4, a role that may not: what the arm is about is then not to be had here. */
async function refusedSetting({ arm, engine, signal }: ArmRequest): Promise<string | null> {
  if (engine.state === 'missing' || Object.keys(arm.session).length === 0) return null
  const address = engine.running.addressFor('harness')
  signal.throwIfAborted()
  try {
    await close(await openSession({ address, schemas: [], settings: arm.session }))
    return null
  } catch (error) {
    if (!SETTING_REFUSED.includes(sqlStateOf(error) ?? '')) throw error
    return `this server refuses a setting: ${messageOf(error)}`
  }
}

async function measureArm({
  experiment,
  scale,
  arm,
  engine,
  signal,
}: ArmRequest): Promise<ArmOutcome> {
  if (engine.state === 'missing') throw new Error('an arm without an engine was asked to run')
  const schema = `arm_${arm.name.toLowerCase()}`
  const { running, replica } = engine
  const address = running.addressFor('harness')
  await withClient(address, signal, async (client) => {
    await client.query(`DROP SCHEMA IF EXISTS ${quoteName(schema)} CASCADE`)
    await client.query(`CREATE SCHEMA ${quoteName(schema)}`)
  })
  try {
    await using context = new ArmContext({
      engine: running,
      replica,
      place: { address, schemas: [schema, PREPARED_SCHEMA], settings: arm.session },
      values: valuesOf(experiment, scale, arm),
      rows: new BillingRows(experiment),
      signal,
    })
    const setup = context.sql(`${experiment.setup}\n${arm.setup}`).trim()
    if (setup !== '') await (await context.client()).query(setup)
    if (engine.cannot.checkpoint === undefined) await running.control.checkpoint(signal)
    for (const step of stepsOf(experiment, arm)) await runStep(context, step)
    return { state: 'measured', values: context.figures, texts: context.texts }
  } finally {
    if (!signal.aborted) {
      await withClient(address, signal, (client) =>
        client.query(`DROP SCHEMA IF EXISTS ${quoteName(schema)} CASCADE`),
      )
    }
  }
}

/** Made where the server has it; the sentence says why not where it does not. */
async function missingExtension({ arm, engine, signal }: ArmRequest): Promise<string | null> {
  const { extension } = arm
  if (extension === undefined || engine.state === 'missing') return null
  return await withClient(engine.running.addressFor('harness'), signal, async (client) => {
    const { rows } = await client.query<{ found: boolean }>(
      'SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = $1) AS found',
      [extension],
    )
    if (rows[0]?.found !== true) {
      return `this PostgreSQL has no ${extension}: a server with it, by --postgres, would tell`
    }
    try {
      await client.query(`CREATE EXTENSION IF NOT EXISTS ${quoteName(extension)}`)
      return null
    } catch (error) {
      if (sqlStateOf(error) === null) throw error
      return `${extension} is there and cannot be used: ${messageOf(error)}`
    }
  })
}
