/**
 * This machine's apt, used without touching the system: its own mirror of Debian, with lists, cache and package states in a
 * folder of ours, so that no root is needed and nothing is installed. apt checks the signature of the index and the
 * checksum of every package.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HeadroomError } from '../../kit/errors.ts'
import { runTool, ToolFailure } from '../../kit/tool.ts'
import type { DebRecord } from './debs.ts'
import { parseRecords } from './debs.ts'

/** Where libraries and servers come from; what only newer PostgreSQL has comes from the second. */
const SUITES = ['trixie', 'sid'] as const
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

export interface AptOptions {
  /** Everything apt writes goes below it. */
  readonly dir: string
  /** Address of a Debian mirror; absent: the one this machine's apt uses. */
  readonly mirror?: string
  /** Whether to go on where no keyring is there to check the index's signature with. */
  readonly allowUnsigned: boolean
  /** For tests; Debian's own where absent. */
  readonly keyring?: string
  readonly signal: AbortSignal
}

export class PrivateApt {
  readonly signature: 'checked' | 'not-checked'
  readonly architecture: string
  readonly #options: AptOptions
  readonly #flags: readonly string[]

  /** Reads the mirror's index. @throws HeadroomError ENGINE_MISSING */
  static async open(options: AptOptions): Promise<PrivateApt> {
    const { signal, keyring = KEYRING } = options
    try {
      const architecture = (await runTool('dpkg', ['--print-architecture'], { signal })).trim()
      const isSigned = existsSync(keyring)
      if (!isSigned && !options.allowUnsigned) throw withoutKeyring(keyring)
      const mirror = options.mirror ?? (await ownMirror(options))
      const apt = new PrivateApt(options, {
        architecture,
        keyring: isSigned ? keyring : null,
        mirror,
      })
      await apt.#run('apt-get', ['update', '-q'])
      return apt
    } catch (error) {
      throw inOurWords(error)
    }
  }

  private constructor(
    options: AptOptions,
    made: {
      readonly architecture: string
      readonly keyring: string | null
      readonly mirror: string
    },
  ) {
    this.#options = options
    this.architecture = made.architecture
    this.signature = made.keyring === null ? 'not-checked' : 'checked'
    const trust = made.keyring === null ? 'trusted=yes' : `signed-by=${made.keyring}`
    const lines = SUITES.map((suite) => `deb [${trust}] ${made.mirror} ${suite} main\n`)
    this.#flags = privateFlags(options.dir, lines.join(''))
  }

  /** What the index says of packages by these names; one that it does not know is left out. */
  async records(names: readonly string[]): Promise<readonly DebRecord[]> {
    try {
      return parseRecords(await this.#run('apt-cache', ['show', '--no-all-versions', ...names]))
    } catch (error) {
      throw inOurWords(error)
    }
  }

  /** Fetches them into a folder; apt compares each with the index's checksum. */
  async download(debs: readonly DebRecord[], folder: string): Promise<void> {
    const wanted = debs.map(({ name, version }) => `${name}=${version}`)
    if (wanted.length === 0) return
    try {
      await this.#run('apt-get', ['download', '-q', ...wanted], folder)
    } catch (error) {
      throw inOurWords(error)
    }
  }

  #run(command: string, args: readonly string[], cwd?: string): Promise<string> {
    const { signal } = this.#options
    return runTool(command, [...this.#flags, ...args], {
      signal,
      ...(cwd === undefined ? {} : { cwd }),
    })
  }
}

function privateFlags(dir: string, sources: string | null): readonly string[] {
  for (const folder of ['lists/partial', 'archives/partial', 'state']) {
    mkdirSync(join(dir, folder), { recursive: true })
  }
  const sourcesFile = join(dir, 'sources.list')
  // An empty one: what this system has installed must not stand in for a library.
  const statusFile = join(dir, 'status')
  writeFileSync(statusFile, '')
  if (sources !== null) writeFileSync(sourcesFile, sources)
  return [
    ...(sources === null
      ? []
      : [`Dir::Etc::sourcelist=${sourcesFile}`, 'Dir::Etc::sourceparts=/dev/null']),
    `Dir::State=${join(dir, 'state')}`,
    `Dir::State::lists=${join(dir, 'lists')}`,
    `Dir::State::status=${statusFile}`,
    `Dir::Cache=${dir}`,
    `APT::Default-Release=${sources === null ? '' : SUITES[0]}`,
    // As root apt would drop to a user that cannot write here.
    `APT::Sandbox::User=${process.getuid?.() === 0 ? 'root' : ''}`,
    'Acquire::Languages=none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
    'Acquire::IndexTargets::deb::DEP-11-icons-small::DefaultEnabled=false',
    'Acquire::IndexTargets::deb::DEP-11-icons::DefaultEnabled=false',
    'Acquire::Retries=3',
  ].flatMap((option) => ['-o', option])
}

/** The mirror of Debian itself that this machine's apt knows, without the security one. */
async function ownMirror({ dir, signal }: AptOptions): Promise<string> {
  const ask = async (flags: readonly string[]): Promise<string | undefined> => {
    const format = '$(ORIGIN)|$(LABEL)|$(REPO_URI)'
    const said = await runTool(
      'apt-get',
      [...flags, 'indextargets', '--format', format, 'Created-By: Packages'],
      { signal },
    )
    const [, , uri] =
      said
        .split('\n')
        .map((line) => line.split('|'))
        .find(([origin, label]) => origin === 'Debian' && label === 'Debian') ?? []
    return uri
  }
  const known = await ask([])
  if (known !== undefined) return known
  // Fresh images and containers have no lists; ours are read instead, from the same sources.
  const own = privateFlags(join(dir, 'system'), null)
  await runTool('apt-get', [...own, 'update', '-q'], { signal })
  const found = await ask(own)
  if (found !== undefined) return found
  throw new HeadroomError('ENGINE_MISSING', 'this machine’s apt knows no mirror of Debian', {
    hint: 'name one that you trust with --mirror, or use --engines compose or servers of your own',
  })
}

/** @returns names of the .deb files in a folder */
export function debFilesIn(folder: string): readonly string[] {
  return readdirSync(folder).filter((file) => file.endsWith('.deb'))
}

function withoutKeyring(keyring: string): HeadroomError {
  const message = `${keyring} is not here, so the signature of Debian’s index cannot be checked`
  return new HeadroomError('ENGINE_MISSING', message, {
    hint: 'apt-get install debian-archive-keyring, or go on without with --allow-unsigned',
  })
}

function inOurWords(error: unknown): unknown {
  if (!(error instanceof ToolFailure)) return error
  if (error.how === 'missing') {
    return new HeadroomError(
      'ENGINE_MISSING',
      `engines come from Debian packages, and ${error.message}`,
      {
        hint: 'install the program by hand (headroom engines list says which), or use --engines compose or servers of your own',
      },
    )
  }
  const told = error.said.filter((line) => line.startsWith('E:') || line.startsWith('Err'))
  const words = told.length === 0 ? error.said.slice(-3) : told.slice(0, 3)
  return new HeadroomError('ENGINE_MISSING', `apt cannot fetch packages: ${words.join(' ')}`, {
    hint: 'is the mirror reachable (proxy, network)? Or name another with --mirror',
  })
}
