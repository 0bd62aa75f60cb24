/** Where `async_insert` has no effect: the setting is taken there all the same, and figures would claim what never happened. */
import { HeadroomError } from '../../kit/errors.ts'
import type { EngineSettings } from '../engine.ts'

export function asksForAsyncInsert(settings: EngineSettings): boolean {
  const asked = settings['async_insert'] ?? settings['query.async_insert'] ?? '0'
  return asked !== '0' && asked !== 'false'
}

/** @param where `embedded ClickHouse` */
export function noAsyncInsert(where: string): HeadroomError {
  return new HeadroomError('BAD_INPUT', `async_insert has no effect in ${where}`, {
    hint: 'measure it on a real server: --engines compose with the official image, or --clickhouse http://user@host:8123',
  })
}
