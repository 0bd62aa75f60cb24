/**
 * Looks at the user's own servers as a run would. In: addresses. Out: one finding per server that is named: whether it
 * can be reached and used, what a run would make there, and what it would do without. Nothing is created.
 */
import { ownName } from '../engines/own-name.ts'
import type { ServerKind } from '../engines/kinds.ts'
import { howToName, SERVER_KINDS } from '../engines/kinds.ts'
import type { ServerInspection } from '../engines/own-server.ts'
import { ownServers } from '../engines/own-servers.ts'
import { inspectReplica } from '../engines/postgres/external-replica.ts'
import { HeadroomError } from '../kit/errors.ts'
import type { Check } from './doctor.ts'
import type { External } from './external-engines.ts'

export async function serverChecks(
  addresses: External['addresses'],
  signal: AbortSignal,
): Promise<readonly Check[]> {
  const checks: Check[] = []
  for (const kind of SERVER_KINDS) {
    if (addresses[kind] !== undefined) checks.push(await serverCheck(kind, addresses, signal))
  }
  for (const role of Object.keys(addresses.roles ?? {}))
    checks.push(await replicaCheck(role, addresses, signal))
  return checks
}

async function replicaCheck(
  role: string,
  { postgres: primary, roles }: External['addresses'],
  signal: AbortSignal,
): Promise<Check> {
  const subject = `your ${role}`
  const address = roles?.[role]
  if (address === undefined) throw new Error('no address')
  if (primary === undefined) {
    return {
      ...{ state: 'missing', subject, finding: 'a replica is named, and no primary' },
      remedy: howToName('postgres'),
    }
  }
  return await checked(subject, async () => {
    const found = await inspectReplica(role, { address, primary }, { settings: {}, signal })
    return { ...found, where: ownServers.postgres.say(address) }
  })
}

async function serverCheck(
  kind: ServerKind,
  addresses: External['addresses'],
  signal: AbortSignal,
): Promise<Check> {
  const subject = `your ${kind}`
  const address = addresses[kind]
  if (address === undefined) throw new Error('no address')
  const server = ownServers[kind]
  return await checked(subject, async () => {
    const request = { settings: {}, ownName: ownName('doctor'), signal }
    return { ...(await server.inspect(address, request)), where: server.say(address) }
  })
}

async function checked(
  subject: string,
  look: () => Promise<ServerInspection & { readonly where: string }>,
): Promise<Check> {
  try {
    const { label, connection, creates, notes, where } = await look()
    const makes =
      creates.length === 0 ? 'nothing would be made' : `a run would make ${creates.join(' and ')}`
    return {
      state: 'ok',
      subject,
      finding: `${label} at ${where}, ${connection}; ${makes}`,
      remedy: notes.unseen.length === 0 ? null : `mind: ${notes.unseen.join('; ')}`,
    }
  } catch (error) {
    if (!(error instanceof HeadroomError)) throw error
    return { state: 'missing', subject, finding: error.message, remedy: error.hint }
  }
}
