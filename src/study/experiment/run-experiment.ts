/**
 * One experiment: its engines up, its arms in interleaved rounds, engines down. In: the experiment and its scale. Out:
 * what is kept of it; an interruption keeps the arms that were done.
 */
import { rm } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import { claimDataDir, releaseDataDir } from '../../kit/guardian.ts'
import { Scope } from '../../kit/scope.ts'
import type { ArmRun, ExperimentRecord } from '../../results/claims-record.ts'
import type { Experiment, ScaleName } from '../../scenario/experiment.ts'
import { interleave } from '../interleave.ts'
import { runArm } from './arm.ts'
import type { EngineGround, OpenEngine } from './open-engine.ts'
import { openEngine } from './open-engine.ts'

export interface ExperimentOptions extends EngineGround {
  readonly experiment: Experiment
  readonly scale: ScaleName
  readonly onArm: (run: ArmRun, of: number) => void
}

export async function runExperiment(options: ExperimentOptions): Promise<ExperimentRecord> {
  const { experiment, scale, signal, dataDir } = options
  const startMs = performance.now()
  const arms: ArmRun[] = []
  const engines = new Map<string, OpenEngine>()
  claimDataDir(dataDir)
  try {
    await using scope = new Scope()
    const planned = interleave(experiment.arms, experiment.scales[scale].rounds)
    for (const { target: arm, round, position } of planned) {
      signal.throwIfAborted()
      const engine = engines.get(arm.engine) ?? (await open(arm.engine, options, scope))
      engines.set(arm.engine, engine)
      const run = { arm: arm.name, round, position, ...(await runArm({ ...options, arm, engine })) }
      arms.push(run)
      options.onArm(run, planned.length)
    }
  } catch (error) {
    // What was measured before is kept; the caller sees by the signal that it was cut short.
    if (!signal.aborted) throw error
  } finally {
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    releaseDataDir(dataDir)
  }
  return {
    experiment,
    engines: [...engines].flatMap(([name, engine]) => toldOf(name, engine)),
    tookS: (performance.now() - startMs) / 1_000,
    cutShort: signal.aborted,
    arms,
  }
}

async function open(name: string, options: ExperimentOptions, scope: Scope): Promise<OpenEngine> {
  const engine = options.experiment.engines.find((one) => one.name === name)
  if (engine === undefined) throw new Error(`the experiment has no engine ${name}`)
  return await openEngine({ ...options, engine }, options, scope)
}

function toldOf(name: string, engine: OpenEngine): ExperimentRecord['engines'] {
  if (engine.state === 'missing') return []
  const { running, replica } = engine
  const servers = [
    { name, server: running },
    ...(replica === null ? [] : [{ name: `${name}-replica`, server: replica }]),
  ]
  return servers.map(({ name, server: { provider, label, version, settings } }) => ({
    ...{ name, provider, label, version },
    settings: { ...settings },
  }))
}
