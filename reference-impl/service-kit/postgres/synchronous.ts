/**
 * What a commit waits for on replicas. In: settings of the primary, and how many replicas there are. Out: how many must have
 * the commit before it is acknowledged, and what they have done with it.
 * https://www.postgresql.org/docs/18/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES
 */
export type WaitsFor =
  | { readonly what: 'nothing' }
  | { readonly what: 'written' | 'flushed' | 'replayed'; readonly replicas: number }

const NAMES = /^\s*(?:(?:FIRST|ANY)\s+)?(\d+)\s*\(/i

export function commitWaitsFor(
  settings: Readonly<Record<string, string>>,
  replicas: number,
): WaitsFor {
  const names = (settings['synchronous_standby_names'] ?? '').trim()
  if (names === '') return { what: 'nothing' }
  const waited = Math.min(Number(NAMES.exec(names)?.[1] ?? 1), replicas)
  switch ((settings['synchronous_commit'] ?? 'on').toLowerCase()) {
    case 'remote_apply':
      return { what: 'replayed', replicas: waited }
    case 'remote_write':
      return { what: 'written', replicas: waited }
    case 'on':
    case 'true':
    case 'yes':
    case '1':
      return { what: 'flushed', replicas: waited }
    // local and off wait for nobody.
    default:
      return { what: 'nothing' }
  }
}

/** A clause for the sentence in reports, or nothing. */
export function waitsWords(waits: WaitsFor): string {
  if (waits.what === 'nothing') return ''
  const whose = waits.replicas === 1 ? 'one replica' : `${String(waits.replicas)} replicas`
  return `, and ${whose} ${waits.replicas === 1 ? 'has' : 'have'} ${waits.what} it`
}
