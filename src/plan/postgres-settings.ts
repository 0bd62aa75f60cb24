/**
 * What the formulas take from a PostgreSQL server. In: its version and the settings that differ from its defaults, as
 * SHOW prints them. Out: numbers in bytes and seconds, with the server's own default where nothing is listed.
 */
import type { CheckpointSettings, VacuumSettings } from './formulas.ts'

export interface ServerSettings {
  /** `18.4` */
  readonly version: string
  readonly settings: Readonly<Record<string, string>>
}

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 2 ** 10,
  MB: 2 ** 20,
  GB: 2 ** 30,
  TB: 2 ** 40,
  us: 1e-6,
  ms: 1e-3,
  s: 1,
  min: 60,
  h: 3_600,
  d: 86_400,
}

/** `64MB` is 67,108,864 and `30min` is 1,800; null for what is no number. */
export function settingNumber(shown: string): number | null {
  const match = /^(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(shown.trim())
  const factor = FACTORS[match?.[2] ?? '?']
  return match === null || factor === undefined ? null : Number(match[1]) * factor
}

export function checkpointSettings(server: ServerSettings): CheckpointSettings {
  return {
    maxWalBytes: numberOf(server, 'max_wal_size', 2 ** 30),
    // 0.5 until PostgreSQL 13.
    completionTarget: numberOf(
      server,
      'checkpoint_completion_target',
      majorOf(server) < 14 ? 0.5 : 0.9,
    ),
    timeoutS: numberOf(server, 'checkpoint_timeout', 300),
    // initdb chooses it, and hardly anybody chooses another.
    segmentBytes: numberOf(server, 'wal_segment_size', 16 * 2 ** 20),
  }
}

export function vacuumSettings(server: ServerSettings): VacuumSettings {
  const cap = numberOf(server, 'autovacuum_vacuum_max_threshold', 100_000_000)
  return {
    thresholdRows: numberOf(server, 'autovacuum_vacuum_threshold', 50),
    scaleRatio: numberOf(server, 'autovacuum_vacuum_scale_factor', 0.2),
    maxThresholdRows: majorOf(server) < 18 || cap < 0 ? null : cap,
  }
}

/** Rows inserted since the last vacuum from which they bring autovacuum too; -1 switches that off: then null. */
export function insertThresholdRows(server: ServerSettings, liveRows: number): number | null {
  const rows = numberOf(server, 'autovacuum_vacuum_insert_threshold', 1_000)
  const scaleRatio = numberOf(server, 'autovacuum_vacuum_insert_scale_factor', 0.2)
  return rows < 0 || majorOf(server) < 13 ? null : rows + scaleRatio * Math.max(0, liveRows)
}

export function naptimeS(server: ServerSettings): number {
  return numberOf(server, 'autovacuum_naptime', 60)
}

export function maxConnections(server: ServerSettings): number {
  return numberOf(server, 'max_connections', 100)
}

/** -1 is PostgreSQL's default: a slot may keep any amount of WAL; then null. */
export function slotKeepBytes(server: ServerSettings): number | null {
  const keep = numberOf(server, 'max_slot_wal_keep_size', -1)
  return keep < 0 ? null : keep
}

function numberOf({ settings }: ServerSettings, name: string, otherwise: number): number {
  const shown = settings[name]
  return (shown === undefined ? null : settingNumber(shown)) ?? otherwise
}

function majorOf({ version }: ServerSettings): number {
  return Number.parseInt(version, 10)
}
