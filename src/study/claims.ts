/**
 * A study of claims: the experiments they need, one after the other, each written when it is done. In: claims, their
 * experiments, a scale. Out: the record on disk; an interrupted study keeps what was measured.
 */
import { mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { machine } from '../collect/machine.ts'
import { requireFreeBytes } from '../kit/disk.ts'
import { messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import { serverLedgerDir } from '../kit/server-ledger.ts'
import type { ArmRun, ClaimsRecord, ExperimentRecord } from '../results/claims-record.ts'
import {
  readClaimsPlan,
  readExperimentRecords,
  writeClaimsPlan,
  writeExperimentRecord,
} from '../results/claims-store.ts'
import { createStudyDir, writeClaimsRecord } from '../results/store.ts'
import type { Claim } from '../scenario/claim.ts'
import type { Experiment, ScaleName } from '../scenario/experiment.ts'
import type { ExternalAddresses, OwnProvider } from '../target/up.ts'
import { experimentHashes, refuseChangedClaims } from './changed-claims.ts'
import { refuseRunning } from './refuse-running.ts'
import { runExperiment } from './experiment/run-experiment.ts'
import { headroomVersion } from './headroom-version.ts'
import { placeNow } from './planned-place.ts'

const GIBIBYTE = 2 ** 30

export interface ClaimsOptions {
  readonly claims: readonly Claim[]
  readonly experiments: readonly Experiment[]
  readonly scale: ScaleName
  /** Folder of an unfinished study: experiments it holds are not run again. null: a new one is made. */
  readonly resume: string | null
  readonly external: ExternalAddresses
  readonly engines: OwnProvider
  readonly outDir: string
  readonly workDir: string
  readonly command: string
  readonly secrets: readonly string[]
  readonly onProgress: (event: ClaimsProgress) => void
  readonly log: Log
  readonly signal: AbortSignal
}

export type ClaimsProgress =
  | {
      readonly type: 'started'
      readonly dir: string
      readonly experiments: number
      readonly estimatedS: number
    }
  | {
      readonly type: 'experiment'
      readonly name: string
      readonly position: number
      readonly estimatedS: number
    }
  | {
      readonly type: 'arm'
      readonly experiment: string
      readonly run: ArmRun
      readonly of: number
    }
  | { readonly type: 'done'; readonly record: ExperimentRecord; readonly kept: boolean }

export function estimateClaims(experiments: readonly Experiment[], scale: ScaleName): number {
  return experiments.reduce((sum, { scales }) => sum + scales[scale].estimatedS, 0)
}

export async function runClaims(
  options: ClaimsOptions,
): Promise<{ readonly studyDir: string; readonly record: ClaimsRecord }> {
  const { claims, scale, workDir } = options
  await mkdir(workDir, { recursive: true })
  const { studyDir, startedAt, kept } = await begin(options)
  const left = options.experiments.filter(
    ({ name }) => !kept.some(({ experiment }) => experiment.name === name),
  )
  const estimatedS = estimateClaims(left, scale)
  await requireFreeBytes({
    path: workDir,
    needBytes: Math.max(0, ...left.map(({ scales }) => scales[scale].needGiB)) * GIBIBYTE,
    what: 'the largest experiment',
  })
  const { experiments, log } = options
  options.onProgress({ type: 'started', dir: studyDir, experiments: left.length, estimatedS })
  for (const record of kept) options.onProgress({ type: 'done', record, kept: true })
  const done = await runAll(left, options, studyDir)
  const measured = inOrder(experiments, [...kept, ...done.records])
  const record: ClaimsRecord = {
    kind: 'claims',
    schema: 1,
    id: basename(studyDir),
    question: `What of ${String(claims.length)} documented claims holds on this machine?`,
    startedAt,
    finishedAt: new Date().toISOString(),
    command: options.command,
    headroom: await headroomVersion(),
    machine: await machine(options.external.postgres === undefined ? workDir : null, log),
    scale,
    estimatedS,
    // Those that were kept took their time before.
    tookS: measured.reduce((sum, one) => sum + one.tookS, 0),
    cutShort: done.cutShort,
    experiments: measured,
    claims: [...claims],
  }
  await writeClaimsRecord(studyDir, record, options.secrets)
  return { studyDir, record }
}

/** A new study writes down what it is to measure with; one that is gone on with is held against that. */
async function begin(options: ClaimsOptions): Promise<{
  readonly studyDir: string
  readonly startedAt: string
  readonly kept: readonly ExperimentRecord[]
}> {
  const { resume, scale, engines, external, outDir, workDir, secrets } = options
  const inputs = {
    ...(await placeNow(engines, external)),
    scale,
    experiments: experimentHashes(options.experiments),
  }
  if (resume !== null) {
    const plan = await readClaimsPlan(resume)
    refuseChangedClaims(plan.inputs, inputs)
    refuseRunning(basename(resume), workDir)
    const kept = await readExperimentRecords(resume)
    return { studyDir: resume, startedAt: plan.startedAt, kept }
  }
  const now = new Date()
  const startedAt = now.toISOString()
  const studyDir = await createStudyDir(outDir, 'claims', now)
  await writeClaimsPlan(studyDir, { schema: 1, kind: 'claims', startedAt, inputs }, secrets)
  return { studyDir, startedAt, kept: [] }
}

function inOrder(
  experiments: readonly Experiment[],
  records: readonly ExperimentRecord[],
): ExperimentRecord[] {
  return experiments.flatMap(
    ({ name }) => records.find(({ experiment }) => experiment.name === name) ?? [],
  )
}

async function runAll(
  experiments: readonly Experiment[],
  options: ClaimsOptions,
  studyDir: string,
): Promise<{ readonly records: readonly ExperimentRecord[]; readonly cutShort: string | null }> {
  const { scale, signal, workDir } = options
  const records: ExperimentRecord[] = []
  for (const [index, experiment] of experiments.entries()) {
    const { name } = experiment
    if (signal.aborted) break
    const { estimatedS } = experiment.scales[scale]
    options.onProgress({ type: 'experiment', name, position: index + 1, estimatedS })
    const record = await runExperiment({
      experiment,
      scale,
      address: options.external.postgres,
      engines: options.engines,
      dataDir: join(workDir, 'data', `${basename(studyDir)}-${name}`),
      logDir: join(studyDir, 'logs', name),
      ledgerDir: serverLedgerDir(workDir),
      runId: `${basename(studyDir)}/${name}`,
      signal,
      log: options.log,
      onArm: (run, of) => {
        options.onProgress({ type: 'arm', experiment: name, run, of })
      },
    })
    records.push(record)
    // An experiment that was cut short is in the study's record, and is run again when it is resumed.
    if (record.cutShort) break
    await writeExperimentRecord(studyDir, record, options.secrets)
    options.onProgress({ type: 'done', record, kept: false })
  }
  return { records, cutShort: signal.aborted ? messageOf(signal.reason) : null }
}
