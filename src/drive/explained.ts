/**
 * Queries asked once more when nobody waits for them, for what their engine reads. In: a service that speaks the HTTP
 * contract with `explain`. Out: rows and bytes read and the plan, of each query that it could explain.
 */
import { request } from 'undici'
import { messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import { asRecord, numberOf } from './answer-figures.ts'
import { contractBaseOf } from './request-path.ts'

export interface Explained {
  readonly rowsRead: number
  readonly bytesRead: number | null
  readonly plan?: { readonly planMs: number; readonly nodes: readonly string[] }
}

/** As long as a service waits for its store. */
const TIMEOUT_MS = 120_000

export interface ExplainOptions {
  readonly url: URL
  readonly names: readonly string[]
  readonly paramsOf: (name: string) => Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly log: Log
}

/** One after the other; what a query reads rounds a run off, so one that is not explained is told and left out. */
export async function askExplained(
  options: ExplainOptions,
): Promise<ReadonlyMap<string, Explained>> {
  const found = new Map<string, Explained>()
  for (const name of options.names) {
    if (options.signal.aborted) break
    try {
      const explained = await explainedOf(name, options)
      if (explained === null) options.log(`${name}: its store does not tell what it reads`)
      else found.set(name, explained)
    } catch (error) {
      options.log(`${name}: what it reads is not known: ${messageOf(error)}`)
    }
  }
  return found
}

async function explainedOf(
  name: string,
  { url, paramsOf, signal }: ExplainOptions,
): Promise<Explained | null> {
  const params = new URLSearchParams({ ...paramsOf(name), explain: '1' })
  const path = `${contractBaseOf(url)}/v1/queries/${encodeURIComponent(name)}?${params.toString()}`
  const { statusCode, body } = await request(new URL(path, url.origin), {
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    signal,
  })
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`HTTP ${String(statusCode)}`)
  const meta = asRecord(asRecord(JSON.parse(text))['meta'])
  const rowsRead = numberOf(meta['rowsRead'])
  if (rowsRead === null) return null
  const plan = asRecord(meta['plan'])
  const planMs = numberOf(plan['planMs'])
  const nodes = Array.isArray(plan['nodes']) ? plan['nodes'].map(String) : []
  return {
    rowsRead,
    bytesRead: numberOf(meta['bytesRead']),
    ...(planMs === null ? {} : { plan: { planMs, nodes } }),
  }
}
