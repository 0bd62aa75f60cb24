/**
 * A log archive and a base backup beside a local server's data, and the server made again from them. In: a server whose
 * target asks for `archive_mode`. Out: the settings that archive, and what a fault that loses the data asks for.
 * https://www.postgresql.org/docs/18/continuous-archiving.html
 */
import { appendFile, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../kit/clock.ts'
import { assert } from '../../kit/errors.ts'
import type { EngineRecovery, EngineSettings, RestoredTo } from '../engine.ts'
import type { PostgresHome } from './account.ts'
import type { ArchivedSegment } from './archived-until.ts'
import { ArchivedUntil, lastSegment, newestTimeline } from './archived-until.ts'
import { withClient } from './connection.ts'
import { backUpData } from './data-copy.ts'
import type { PostgresServer } from './server.ts'

const ARCHIVE = 'archive'
const BACKUP = 'backup'
const LOOK_EVERY_MS = 20
/** How much more a restore may lose than the archive lacks: what is acknowledged between two looks. */
const FOLLOW_EVERY_MS = 100

const POSITION = `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS position`
const SEGMENT_BYTES = `SELECT setting::float8 AS bytes FROM pg_settings WHERE name = 'wal_segment_size'`

/** Empty where the target archives nothing, or says itself how. */
export function archivingIn(home: PostgresHome, settings: EngineSettings): EngineSettings {
  if (!archives(settings)) return {}
  const dir = join(home.dir, ARCHIVE)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  home.own(dir)
  // A segment is never written over: two servers that archive to one place would lose both.
  const at = segmentIn(dir)
  // What is half copied when the server dies has another name: a segment of the archive is whole.
  const half = segmentIn(dir, '.copying')
  return { archive_command: `test ! -f ${at} && cp "%p" ${half} && mv ${half} ${at}` }
}

/** What the harness may do to a server that archives; empty for another. */
export function recoveryOf(
  server: PostgresServer,
  settings: EngineSettings,
): { readonly recovery?: EngineRecovery } {
  return archives(settings) ? { recovery: new ServerRecovery(server) } : {}
}

/** Where its own command archives to is not known here. */
function archives(settings: EngineSettings): boolean {
  return (
    ['on', 'always'].includes(settings['archive_mode'] ?? 'off') &&
    settings['archive_command'] === undefined &&
    settings['archive_library'] === undefined
  )
}

class ServerRecovery implements EngineRecovery {
  readonly #server: PostgresServer
  #points = 0
  #pointAtMs = 0
  #archived: ArchivedUntil | null = null
  /** The restore before: what it kept, and the newest timeline that had been archived by then. */
  #before: { readonly keptUntilMs: number; readonly timeline: number } | null = null
  #segmentBytes = 0

  constructor(server: PostgresServer) {
    this.#server = server
  }

  async backUp(signal: AbortSignal): Promise<void> {
    const { dir, home } = this.#place()
    const archived = new ArchivedUntil(systemClock.nowMs())
    await rm(dir, { recursive: true, force: true })
    await mkdir(dir, { mode: 0o700 })
    await backUpData(this.#server, dir, signal)
    home.own(dir)
    await withClient(this.#server.address, signal, async (client) => {
      const { rows } = await client.query<{ bytes: number }>(SEGMENT_BYTES)
      this.#segmentBytes = rows[0]?.bytes ?? 0
    })
    this.#archived = archived
    this.#before = null
  }

  async follow(signal: AbortSignal): Promise<void> {
    const archived = this.#backedUp()
    await withClient(this.#server.address, signal, async (client) => {
      for (;;) {
        const atMs = systemClock.nowMs()
        const { rows } = await client.query<{ position: number }>(POSITION)
        if (rows[0] !== undefined) archived.look(atMs, rows[0].position)
        await delay(FOLLOW_EVERY_MS, undefined, { signal })
      }
    })
  }

  async markPoint(signal: AbortSignal): Promise<void> {
    this.#points += 1
    this.#pointAtMs = systemClock.nowMs()
    const { archive } = this.#place()
    await withClient(this.#server.address, signal, async (client) => {
      const { rows } = await client.query<{ segment: string }>(
        'SELECT pg_walfile_name(pg_create_restore_point($1)) AS segment',
        [this.#point],
      )
      // Its segment is archived now, not when it is full: without it nothing can be taken back to the point.
      await client.query('SELECT pg_switch_wal()')
      const segment = rows[0]?.segment ?? ''
      while (!(await readdir(archive)).includes(segment)) {
        await delay(LOOK_EVERY_MS, undefined, { signal })
      }
    })
  }

  async loseData(): Promise<void> {
    await this.#server.loseData()
  }

  async restore(to: 'archive-end' | 'point', signal: AbortSignal): Promise<RestoredTo> {
    signal.throwIfAborted()
    const { dir: backup, archive } = this.#place()
    // Before the server replays: what it finds there is at least this.
    const files = await readdir(archive)
    const segment = lastSegment(files, this.#segmentBytes)
    await this.#server.rebuild(async ({ dir, home }) => {
      await cp(backup, dir, { recursive: true, mode: 0 })
      await writeFile(join(dir, 'recovery.signal'), '')
      const settings = {
        restore_command: `cp ${segmentIn(archive)} "%p"`,
        // Empty is none: a backup of a server that was taken back to a point still names that one.
        recovery_target_name: to === 'point' ? this.#point : '',
        recovery_target_action: 'promote',
      }
      const lines = Object.entries(settings).map(
        ([name, value]) => `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`,
      )
      await appendFile(join(dir, 'postgresql.auto.conf'), `\n${lines.join('\n')}\n`)
      home.own(dir)
    })
    await this.#untilWritable(signal)
    const restored = to === 'point' ? this.#atPoint() : this.#atArchiveEnd(segment)
    this.#before = { keptUntilMs: restored.keptUntilMs, timeline: newestTimeline(files) }
    return restored
  }

  #atPoint(): RestoredTo {
    return { upTo: `the point ${this.#point}`, keptUntilMs: this.#pointAtMs }
  }

  #atArchiveEnd(segment: ArchivedSegment | null): RestoredTo {
    const upTo =
      segment === null ? 'the base backup' : `the end of the archive, segment ${segment.file}`
    const until = this.#backedUp().until(segment?.endPosition ?? null)
    // Of the timeline that the restore before began nothing is archived: the archive ends where that one had taken it.
    const before = this.#before
    const isOfBefore = before !== null && (segment?.timeline ?? 0) <= before.timeline
    return { upTo, keptUntilMs: isOfBefore ? Math.min(until, before.keptUntilMs) : until }
  }

  #backedUp(): ArchivedUntil {
    assert(this.#archived !== null, 'a base backup was made')
    return this.#archived
  }

  get #point(): string {
    return `headroom_${String(this.#points)}`
  }

  #place(): { readonly dir: string; readonly archive: string; readonly home: PostgresHome } {
    const { home } = this.#server
    return { dir: join(home.dir, BACKUP), archive: join(home.dir, ARCHIVE), home }
  }

  /** It answers reads while it still replays. */
  async #untilWritable(signal: AbortSignal): Promise<void> {
    await withClient(this.#server.address, signal, async (client) => {
      for (;;) {
        const { rows } = await client.query<{ replaying: boolean }>(
          'SELECT pg_is_in_recovery() AS replaying',
        )
        if (rows[0]?.replaying !== true) return
        await delay(LOOK_EVERY_MS, undefined, { signal })
      }
    })
  }
}

/** Where a segment lies, for a shell. A percent sign of the folder is none of PostgreSQL's placeholders. */
function segmentIn(dir: string, ending = ''): string {
  return `'${dir.replaceAll('%', '%%').replaceAll("'", `'\\''`)}/%f${ending}'`
}
