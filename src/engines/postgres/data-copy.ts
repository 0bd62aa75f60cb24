/**
 * A copy of a running server's data folder, as a replica begins with it (the build that comes by npm has no
 * pg_basebackup). In: a primary on this machine. Out: a folder from which recovery starts; what happened meanwhile is in
 * the log that a replication slot keeps.
 * https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
import { chmod, copyFile, mkdir, opendir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from 'pg'
import type { PostgresAddress } from '../engine.ts'
import { withClient } from './connection.ts'

export interface CopySource {
  readonly dataDir: string
  readonly address: PostgresAddress
}

/** Folders whose contents belong to the server that runs. */
const EMPTY_IN_A_COPY = new Set([
  ...['pg_wal', 'pg_replslot', 'pg_dynshmem', 'pg_notify', 'pg_serial', 'pg_snapshots'],
  ...['pg_stat_tmp', 'pg_subtrans'],
])
const LEFT_OUT = new Set([
  ...['postmaster.pid', 'postmaster.opts', 'backup_label', 'tablespace_map', 'backup_manifest'],
  ...['postgresql.auto.conf.tmp', 'current_logfiles.tmp', 'pg_internal.init', 'standby.signal'],
])
const CONTROL_FILE = join('global', 'pg_control')
const ONLY_OWNER = 0o700

/** Keeps the log from now on for a replica of this name. */
export async function createSlot(client: Client, slot: string): Promise<void> {
  await client.query(
    `SELECT pg_create_physical_replication_slot($1, true)
      WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`,
    [slot],
  )
}

/** Rejects when the primary keeps too little of its log for a replica (wal_level), or the disk is full. */
export async function copyData(
  source: CopySource,
  into: { readonly dir: string; readonly slot: string },
  signal: AbortSignal,
): Promise<void> {
  const { dir, slot } = into
  await withClient(source.address, signal, async (client) => {
    await createSlot(client, slot)
    await copyWhileItRuns(client, { dataDir: source.dataDir, dir, label: slot }, signal)
    await writeFile(join(dir, 'standby.signal'), '', { mode: 0o600 })
  })
}

/** A base backup: with the log that is archived from its begin on, a server can be made of it again. */
export async function backUpData(
  source: CopySource,
  dir: string,
  signal: AbortSignal,
): Promise<void> {
  await withClient(source.address, signal, (client) =>
    copyWhileItRuns(client, { dataDir: source.dataDir, dir, label: 'headroom' }, signal),
  )
}

async function copyWhileItRuns(
  client: Client,
  {
    dataDir,
    dir,
    label,
  }: { readonly dataDir: string; readonly dir: string; readonly label: string },
  signal: AbortSignal,
): Promise<void> {
  await client.query('SELECT pg_backup_start($1, fast => true)', [label])
  await copyFolder({ from: dataDir, to: dir, inside: '' }, signal)
  // Last, and in one read: a server that finds an older one replays more, never less.
  await copyFile(join(dataDir, CONTROL_FILE), join(dir, CONTROL_FILE))
  const { rows } = await client.query<{ labelfile: string }>(
    'SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)',
  )
  await writeFile(join(dir, 'backup_label'), rows[0]?.labelfile ?? '', { mode: 0o600 })
}

interface Folder {
  readonly from: string
  readonly to: string
  /** Below the data folder. */
  readonly inside: string
}

async function copyFolder({ from, to, inside }: Folder, signal: AbortSignal): Promise<void> {
  await mkdir(join(to, inside), { recursive: true, mode: ONLY_OWNER })
  await chmod(join(to, inside), ONLY_OWNER)
  if (EMPTY_IN_A_COPY.has(inside)) return
  for await (const entry of await opendir(join(from, inside))) {
    signal.throwIfAborted()
    const path = join(inside, entry.name)
    if (LEFT_OUT.has(entry.name) || entry.name.startsWith('pgsql_tmp')) continue
    if (path === CONTROL_FILE) continue
    try {
      if (entry.isDirectory()) await copyFolder({ from, to, inside: path }, signal)
      else await copyFile(join(from, path), join(to, path))
    } catch (error) {
      // Dropped while we looked: the log says so too.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}
