/**
 * The user's own servers. In: flags, environment, engines.yaml (in this order of precedence). Out: addresses per engine
 * kind, and the secrets among them. A message never repeats an address: it may hold a password.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import type { AddressSource, Env } from '../engines/dsn.ts'
import type { ServerKind } from '../engines/kinds.ts'
import { SERVER_KINDS, dsnVariable } from '../engines/kinds.ts'
import type { ServerAddresses } from '../engines/own-servers.ts'
import { ownServers } from '../engines/own-servers.ts'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import { withholdFromChildren } from '../kit/withheld.ts'
import { parseYamlFile } from '../kit/yaml-door.ts'

/** `://user:password@`; Kafka's addresses name several hosts, which no URL does. */
const PASSWORD_INSIDE = /:\/\/[^/@]*:[^/@]+@/
/** The mode's bit that lets everybody read. */
const OTHERS_READ = 0o004

const Path = z.string().min(1)

const Place = z.union([
  z.string().min(1),
  z.strictObject({
    dsn: z.string().min(1),
    /** Name of an environment variable that holds the password, so that this file holds none. */
    passwordEnv: z.string().min(1).optional(),
    /** Path of a file that holds nothing but the password. Paths here start from this file's folder. */
    passwordFile: Path.optional(),
    /** PEM file of the authority that signed the server's certificate; absent: those that Node.js knows. */
    ca: Path.optional(),
    /** PEM files that this side shows, where the server asks for a client certificate. */
    clientCertificate: Path.optional(),
    clientKey: Path.optional(),
  }),
])
type Place = z.infer<typeof Place>

const places = Object.fromEntries(SERVER_KINDS.map((kind) => [kind, Place.optional()]))
export const EnginesFile = z.strictObject({
  ...(places as Record<ServerKind, z.ZodOptional<typeof Place>>),
  /** Streaming replicas of that PostgreSQL, by the role that a target gives them: `replica`, `replica-2`. */
  roles: z.record(z.string().regex(/^[a-z0-9][a-z0-9-]*$/), Place).optional(),
})

/**
 * What flags name; `engines` is the path of an engines.yaml. Absent: the one in this folder, if there is one; null: none
 * is read.
 */
export type ExternalSources = Partial<Readonly<Record<ServerKind, string | undefined>>> & {
  readonly engines: string | null | undefined
}

export interface External {
  readonly addresses: ServerAddresses
  readonly secrets: readonly string[]
  /** Things worth saying: a password other users of the machine can see, a connection others can read. */
  readonly warnings: readonly string[]
}

interface NamedPlace {
  readonly file: string
  /** Folder that its paths start from. */
  readonly dir: string
  readonly places: z.infer<typeof EnginesFile>
}

/** @throws HeadroomError BAD_INPUT, FILE_NOT_FOUND */
export function externalEngines(sources: ExternalSources, env: Env): External {
  const file = enginesFile(sources.engines)
  const read = SERVER_KINDS.map((kind) => readServer(kind, { flag: sources[kind], file, env }))
  const replicas = readReplicas(file, env)
  return {
    addresses: Object.assign(
      {},
      ...read.map(({ addresses }) => addresses),
      replicas.addresses,
    ) as External['addresses'],
    secrets: [...read, replicas].flatMap(({ secrets }) => secrets),
    warnings: [...read, replicas].flatMap(({ warnings }) => warnings),
  }
}

function readReplicas(file: NamedPlace, env: Env): External {
  const server = ownServers.postgres
  const read = Object.entries(file.places.roles ?? {}).map(([role, place]) => ({
    role,
    place,
    address: server.parse(
      sourceOf(place, { from: `roles.${role} in the engines file`, file, env }),
    ),
  }))
  if (read.length === 0) return { addresses: {}, secrets: [], warnings: [] }
  const roles = Object.fromEntries(read.map(({ role, address }) => [role, address]))
  return {
    addresses: { roles } as External['addresses'],
    secrets: read.flatMap(({ address }) => server.secretsOf(address)),
    warnings: read.flatMap(({ place, address }) => [
      ...readableSecrets(place, file),
      ...server.warningsOf(address),
    ]),
  }
}

interface From {
  readonly flag: string | undefined
  readonly file: NamedPlace
  readonly env: Env
}

function readServer(kind: ServerKind, from: From): External {
  const source = pick(kind, from)
  if (source === null) return { addresses: {}, secrets: [], warnings: [] }
  const server = ownServers[kind]
  const address = server.parse(source)
  return {
    addresses: { [kind]: address },
    secrets: server.secretsOf(address),
    warnings: [
      ...visiblePassword(kind, source),
      ...readableSecrets(from.file.places[kind], from.file),
      ...server.warningsOf(address),
    ],
  }
}

function enginesFile(path: string | null | undefined): NamedPlace {
  if (path === null) return { file: '', dir: process.cwd(), places: {} }
  const file = resolve(path ?? join(process.cwd(), 'engines.yaml'))
  if (path === undefined && !existsSync(file)) return { file, dir: dirname(file), places: {} }
  const places = parseYamlFile(EnginesFile, file, { what: 'engines file' })
  return { file, dir: dirname(file), places }
}

function pick(kind: ServerKind, { flag, file, env }: From): AddressSource | null {
  const bare = { password: undefined, certificates: {}, env }
  if (flag !== undefined) return { from: `--${kind}`, dsn: flag, ...bare }
  const variable = dsnVariable(kind)
  const fromEnv = env[variable]
  if (fromEnv !== undefined && fromEnv !== '') return { from: variable, dsn: fromEnv, ...bare }
  const place = file.places[kind]
  if (place === undefined) return null
  return sourceOf(place, { from: `${kind} in the engines file`, file, env })
}

function sourceOf(
  place: Place,
  { from, file, env }: { readonly from: string; readonly file: NamedPlace; readonly env: Env },
): AddressSource {
  if (typeof place === 'string')
    return { from, dsn: place, password: undefined, certificates: {}, env }
  const within = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(file.dir, path)
  return {
    from,
    dsn: place.dsn,
    password: passwordIn(place, { from, dir: file.dir, env }),
    certificates: {
      ca: within(place.ca),
      certificate: within(place.clientCertificate),
      key: within(place.clientKey),
    },
    env,
  }
}

function passwordIn(
  place: Exclude<Place, string>,
  { from, dir, env }: { readonly from: string; readonly dir: string; readonly env: Env },
): string | undefined {
  const { passwordEnv, passwordFile } = place
  if (passwordEnv !== undefined && passwordFile !== undefined) {
    throw new HeadroomError('BAD_INPUT', `${from} names two places for one password`, {
      hint: 'keep passwordEnv or passwordFile',
    })
  }
  if (passwordFile !== undefined) {
    try {
      return readFileSync(resolve(dir, passwordFile), 'utf8').replace(/\r?\n$/, '')
    } catch (error) {
      const message = `${from}: its passwordFile cannot be read: ${messageOf(error)}`
      throw new HeadroomError('FILE_NOT_FOUND', message, { hint: 'check the path' })
    }
  }
  if (passwordEnv === undefined) return undefined
  const password = env[passwordEnv]
  if (password === undefined) {
    throw new HeadroomError(
      'BAD_INPUT',
      `${from} takes its password from ${passwordEnv}, which is not set`,
      { hint: `export ${passwordEnv}, or remove passwordEnv` },
    )
  }
  withholdFromChildren(passwordEnv)
  return password
}

function visiblePassword(kind: ServerKind, source: AddressSource): readonly string[] {
  if (!source.from.startsWith('--') || !PASSWORD_INSIDE.test(source.dsn)) return []
  return [
    `the password in ${source.from} is visible to every user of this machine; ${dsnVariable(kind)} is not`,
  ]
}

/** Files that hold a password of this server and that others on this machine may read. */
function readableSecrets(place: Place | undefined, { file, dir }: NamedPlace): readonly string[] {
  if (place === undefined) return []
  const dsn = typeof place === 'string' ? place : place.dsn
  const { passwordFile = null, clientKey = null } = typeof place === 'string' ? {} : place
  const holders = [PASSWORD_INSIDE.test(dsn) ? file : null, passwordFile, clientKey]
  return holders
    .flatMap((holder) => (holder === null ? [] : [resolve(dir, holder)]))
    .filter((path) => ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & OTHERS_READ) !== 0)
    .map((path) => `${path} holds a secret that every user of this machine may read: chmod 600`)
}
