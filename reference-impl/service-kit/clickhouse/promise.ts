/** What an insert of ClickHouse survives, read from the settings that decide it. */
import type { StorePromise } from '../../../src/architecture/architecture.ts'

export const CLICKHOUSE_STORE = 'clickhouse.events_raw'

/**
 * A part is written and renamed without fsync unless both settings ask for it
 * (https://clickhouse.com/docs/operations/settings/merge-tree-settings), so by default an acked insert is in the page
 * cache: it survives the process, not the machine.
 */
export function insertSurvives(
  settings: Readonly<Record<string, string>>,
): StorePromise['survives'] {
  const isOn = (name: string): boolean => ['1', 'true'].includes(settings[name] ?? '0')
  return isOn('fsync_after_insert') && isOn('fsync_part_directory') ? 'power-loss' : 'process-kill'
}
