/**
 * What a killed Headroom left on the user's own servers. In: its ledger, and addresses as far as they are given again.
 * Out: what was dropped, and what remains with the reason. Only what ledger and server both call Headroom's is dropped.
 */
import type { DropOutcome } from './own-server.ts'
import type { ServerKind } from './kinds.ts'
import { dsnVariable } from './kinds.ts'
import type { ServerAddresses } from './own-servers.ts'
import { isServerKind, ownServers } from './own-servers.ts'
import { messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import { isAlive } from '../kit/process-table.ts'
import type { ServerEntry } from '../kit/server-ledger.ts'
import { readServerLedger, serverLedgerDir } from '../kit/server-ledger.ts'
import { rmSync } from 'node:fs'

export interface ServerLeftoverReport {
  readonly kind: string
  readonly where: string
  readonly what: string
  readonly name: string
  readonly runId: string
  readonly state: DropOutcome['state'] | 'no-address' | 'failed'
  /** In a sentence. */
  readonly told: string
}

const DROP_TIMEOUT_MS = 60_000

/** Runs of a Headroom that is still alive are left alone. Never rejects because of a server. */
export async function cleanServers(
  workDir: string,
  addresses: ServerAddresses,
  log: Log,
): Promise<readonly ServerLeftoverReport[]> {
  const { entries, unreadable } = readServerLedger(serverLedgerDir(workDir))
  for (const file of unreadable) log(`${file} is no entry of what was made on a server; look at it`)
  const reports: ServerLeftoverReport[] = []
  for (const { file, entry } of entries) {
    if (isAlive(entry.owner)) continue
    const report = await cleanOne(entry, file, addresses)
    log(report.told)
    reports.push(report)
  }
  return reports
}

/** Whether something is still there that should not be. */
export function remains({ state }: ServerLeftoverReport): boolean {
  return state !== 'dropped' && state !== 'absent'
}

async function cleanOne(
  entry: ServerEntry,
  file: string,
  addresses: ServerAddresses,
): Promise<ServerLeftoverReport> {
  const { kind, where, what, name, runId } = entry
  const report = (state: ServerLeftoverReport['state'], told: string): ServerLeftoverReport => ({
    ...{ kind, where, what, name, runId, state },
    told,
  })
  const thing = `${what} ${name} on ${kind} at ${where}`
  if (!isServerKind(kind) || addresses[kind] === undefined) {
    return report(
      'no-address',
      `a run that was killed left ${thing}; name that server with --${kind}, ${dsnVariable(kind)} or engines.yaml, and headroom clean drops it`,
    )
  }
  try {
    const { outcome, asked } = await dropOn(kind, addresses, entry)
    switch (outcome.state) {
      case 'dropped':
        rmSync(file, { force: true })
        return report('dropped', `dropped ${thing}, left by a run that was killed`)
      case 'absent':
        if (asked !== where) {
          return report(
            'no-address',
            `there is no ${what} ${name} at ${asked}: it was made at ${where}`,
          )
        }
        rmSync(file, { force: true })
        return report('absent', `${thing} is gone already`)
      case 'not-marked':
        return report(
          'not-marked',
          `${thing} does not carry the mark of that run, so it was not dropped; look at it, drop it by hand if it is yours to drop, then remove ${file}`,
        )
    }
  } catch (error) {
    return report('failed', `${thing} could not be dropped: ${messageOf(error)}`)
  }
}

async function dropOn(
  kind: ServerKind,
  addresses: ServerAddresses,
  entry: ServerEntry,
): Promise<{ readonly outcome: DropOutcome; readonly asked: string }> {
  const address = addresses[kind]
  if (address === undefined) throw new Error('no address')
  const server = ownServers[kind]
  if (server.dropLeftover === null) throw new Error(`no run makes anything on ${kind}`)
  const outcome = await server.dropLeftover(address, entry, AbortSignal.timeout(DROP_TIMEOUT_MS))
  return { outcome, asked: server.say(address) }
}
