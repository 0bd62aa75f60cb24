/**
 * Which engines a target brings up. In: an architecture and a target. Out: one line per engine that is started, in order:
 * what stands on another comes behind it.
 */
import type { Architecture, Need, NeededKind, Needs } from '../architecture/architecture.ts'
import type { EngineKind, EngineSettings } from '../engines/engine.ts'
import type { EngineChoice } from './target.ts'

export interface Role {
  /** `database`, `replica-2`, `database.pooler`; unique in a target. */
  readonly name: string
  readonly kind: EngineKind
  /** The role it stands on: its primary, or the server behind it. null: it stands alone. */
  readonly of: string | null
  readonly extensions: readonly string[]
  /** Extensions that it does without where the server has them not. */
  readonly wants: readonly string[]
  readonly settings: EngineSettings
  /** As the target has it; what stands on another has its provider where it says nothing. */
  readonly provider: EngineChoice['provider']
  /** What the architecture calls it; null for what only the target put there. */
  readonly need: string | null
}

/** A need with everything said. */
export interface WholeNeed extends Need {
  readonly kind: NeededKind
  readonly of: string | null
  readonly extensions: readonly string[]
  readonly wants: readonly string[]
  readonly many: boolean
}

/** Asked for nothing but what these settings need. */
export function withNeedsFor(architecture: Architecture, settings: unknown): Architecture {
  const asked = architecture.needsWith?.(settings)
  if (asked === undefined) return architecture
  const needs = Object.fromEntries(
    Object.entries(asked).flatMap(([role, need]) => (need === undefined ? [] : [[role, need]])),
  )
  return { ...architecture, needs }
}

/** As it is where nothing is set. */
export function withDefaultNeeds(architecture: Architecture): Architecture {
  return withNeedsFor(architecture, architecture.settings.parse({}))
}

export function wholeNeed(need: NeededKind | Need): WholeNeed {
  const {
    kind,
    of = null,
    extensions = [],
    wants = [],
    many = false,
  } = typeof need === 'string' ? { kind: need } : need
  return { kind, of, extensions, wants, many }
}

export function needsOf({
  needs,
}: {
  readonly needs: Needs
}): readonly (readonly [role: string, need: WholeNeed])[] {
  return Object.entries(needs).map(([role, need]) => [role, wholeNeed(need)] as const)
}

export function rolesOf(
  architecture: Pick<Architecture, 'needs'>,
  target: { readonly engines: Readonly<Record<string, EngineChoice>> },
): readonly Role[] {
  return needsOf(architecture).flatMap(([need, { kind, of, extensions, wants, many }]) => {
    const choice = target.engines[need]
    const { count = 1, provider, pooler } = choice ?? {}
    const names =
      many && count > 1
        ? Array.from({ length: count }, (_, index) => `${need}-${String(index + 1)}`)
        : [need]
    const settings = asText(choice?.settings)
    return names.flatMap((name): readonly Role[] => [
      { name, kind, of, extensions, wants, settings, provider, need },
      ...(pooler === undefined ? [] : [poolerOf(name, pooler)]),
    ])
  })
}

/** Parts are told apart by it: what stands alone is called by its kind, the rest by its role. */
export function engineName({ name, kind, of }: Role): string {
  return of === null ? kind : name.replaceAll('.', '-')
}

function poolerOf(of: string, { provider, settings }: NonNullable<EngineChoice['pooler']>): Role {
  return {
    name: `${of}.pooler`,
    kind: 'pgbouncer',
    of,
    extensions: [],
    wants: [],
    settings: asText(settings),
    provider,
    need: null,
  }
}

function asText(settings: EngineChoice['settings'] = {}): EngineSettings {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]))
}
