/**
 * What `headroom claims` does. In: checked flags. Out: the exit code. Every claim and experiment is read, and every
 * mistake in them told, before anything starts; a refuted claim is a result and no failure.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { cleanServers } from '../engines/own-leftovers.ts'
import { ERROR_EXIT_CODES, HeadroomError } from '../kit/errors.ts'
import { openLedger } from '../kit/guardian.ts'
import { cleanLeftovers } from '../kit/leftovers.ts'
import { formatDurationS } from '../kit/units.ts'
import type { ClaimsRecord } from '../results/claims-record.ts'
import type { ScaleName } from '../scenario/experiment.ts'
import type { LoadedClaims } from '../scenario/load-claims.ts'
import { loadClaims } from '../scenario/load-claims.ts'
import { estimateClaims, runClaims } from '../study/claims.ts'
import { claimsProgress } from './claims-progress.ts'
import type { CommandContext } from './command.ts'
import { concludeClaims } from './conclude-claims.ts'
import { requireDockerFor } from './containers.ts'
import { chooseEngines } from './engines-choice.ts'
import type { ExternalSources } from './external-engines.ts'
import { outDirOf, reportDirOf, requireOutDir, workDirOf } from './places.ts'
import { tellClaims } from './tell-claims.ts'

export interface ClaimWishes extends ExternalSources {
  readonly ids: readonly string[]
  readonly list: boolean
  readonly scale: ScaleName
  readonly resume: string | undefined
  readonly out: string | undefined
  readonly json: boolean
}

export async function measureClaims(flags: ClaimWishes, context: CommandContext): Promise<number> {
  const { terminal, env, signal, typed } = context
  const loaded = loadClaims(flags.ids)
  if (flags.list) {
    listClaims(loaded, flags, context)
    return 0
  }
  const { engines, external } = chooseEngines(flags, env)
  for (const warning of external.warnings)
    terminal.talk(terminal.paint('yellow', `warning: ${warning}`))
  requireOutDir(flags.out)
  const resume = resumeDir(flags.resume)
  if (external.addresses.postgres === undefined) await requireDockerFor(engines)
  const workDir = workDirOf(flags.out)
  const talk = (line: string): void => {
    terminal.talk(line)
  }
  await cleanLeftovers(workDir, talk)
  await cleanServers(workDir, external.addresses, talk)
  await using _ledger = openLedger(workDir)
  const { studyDir, record } = await runClaims({
    ...loaded,
    scale: flags.scale,
    resume,
    external: external.addresses,
    engines,
    outDir: outDirOf(flags.out),
    workDir,
    // Whoever makes it again has nothing to go on from.
    command: `headroom ${typed.replace(/ --resume[ =]\S+/, '')}`,
    secrets: external.secrets,
    onProgress: claimsProgress(terminal),
    log: talk,
    signal,
  })
  const reportDir = reportDirOf(flags.out, record.id)
  const conclusion = await concludeClaims({ dir: studyDir, claims: record }, reportDir)
  const exitCode = exitCodeOf(record)
  tellClaims(conclusion, { terminal, json: flags.json, exitCode })
  return exitCode
}

function resumeDir(asked: string | undefined): string | null {
  if (asked === undefined) return null
  const dir = resolve(asked)
  const isOfClaims = ['claims-plan.json', 'experiments'].some((name) => existsSync(join(dir, name)))
  if (isOfClaims && !existsSync(join(dir, 'study.json'))) return dir
  const why = existsSync(join(dir, 'study.json'))
    ? 'was written to its end'
    : 'is no unfinished study of claims'
  throw new HeadroomError('BAD_INPUT', `--resume ${asked} ${why}`, {
    hint: 'give the folder below results/ of a study that has claims-plan.json and no study.json',
  })
}

/** 69 where an arm failed: an engine refused what an experiment asks of any. */
function exitCodeOf({ cutShort, experiments }: ClaimsRecord): number {
  if (cutShort !== null) return ERROR_EXIT_CODES.INTERRUPTED
  const failed = experiments.some(({ arms }) =>
    arms.some(({ outcome }) => outcome.state === 'failed'),
  )
  return failed ? ERROR_EXIT_CODES.ENGINE_NOT_READY : 0
}

function listClaims(
  { claims, experiments }: LoadedClaims,
  { scale, json }: ClaimWishes,
  { terminal }: CommandContext,
): void {
  const estimatedS = estimateClaims(experiments, scale)
  if (json) {
    const listed = claims.map(({ id, title, source, conditions, experiment }) => ({
      ...{ id, title, source, conditions, experiment },
    }))
    terminal.data(JSON.stringify({ claims: listed, scale, estimatedS }, null, 2))
    return
  }
  for (const { id, title, source, conditions, experiment } of claims) {
    terminal.data(`${terminal.paint('bold', id.padEnd(5))} ${title}`)
    terminal.data(`      “${source.quote}” – ${source.document} (${source.file})`)
    terminal.data(`      measured by ${experiment}: ${conditions.trim()}`)
  }
  terminal.data('')
  terminal.data(
    `${String(claims.length)} claims by ${String(experiments.length)} experiments, about ${formatDurationS(estimatedS)} at scale ${scale}`,
  )
}
