/** What reports call an engine in a container: what it is, how it came here, and from which image. */
import type { EngineImage } from '../engine.ts'

/** @param engine `postgres 18.4` */
export function composeLabel(engine: string, image: EngineImage): string {
  return `${engine} (compose, ${image.name})`
}
