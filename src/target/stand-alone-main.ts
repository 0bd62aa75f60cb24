/**
 * The process of a container. In: an architecture's id and the part to be (`service` where none is named). Out: that part,
 * until it is stopped. Under the harness HEADROOM_CONFIG says everything; without it the schema is applied first.
 */
import { pathToFileURL } from 'node:url'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import { compiledEntry } from '../kit/paths.ts'
import { applySchemas, standAlone } from './stand-alone.ts'

const SCHEMA_TIMEOUT_MS = 60_000

const [architectureId, part = 'service'] = process.argv.slice(2)
try {
  if (architectureId === undefined || !/^[a-z0-9-]+$/.test(architectureId + part)) {
    throw new HeadroomError('BAD_INPUT', 'usage: stand-alone-main <architecture> [service|worker]')
  }
  const entry = `reference-impl/${architectureId}/${part}.ts`
  if ((process.env['HEADROOM_CONFIG'] ?? '') === '') {
    const alone = await standAlone(architectureId, entry, process.env)
    await applySchemas(alone, AbortSignal.timeout(SCHEMA_TIMEOUT_MS))
    process.env['HEADROOM_CONFIG'] = JSON.stringify(alone.config)
  }
  await import(pathToFileURL(compiledEntry(entry)).href)
} catch (error) {
  const hint = error instanceof HeadroomError && error.hint !== null ? `\n${error.hint}` : ''
  process.stderr.write(`${messageOf(error)}${hint}\n`)
  process.exit(1)
}
