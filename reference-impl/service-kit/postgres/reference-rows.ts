/**
 * The rows that events refer to. In: events about to be written. Out: organizations, customers and codes among them that
 * nobody has registered yet, registered in a transaction of their own. What is known is kept in memory, within a limit.
 */
import type pg from 'pg'
import type { IngestEvent } from '../event.ts'

/** Beyond this all is forgotten and asked for again: registering what is there already changes nothing. */
const KNOWN_MAX = 1_000_000

interface Missing {
  readonly organizations: readonly string[]
  /** Pairs of organization and external id. */
  readonly customers: readonly Pair[]
  /** Pairs of organization and code. */
  readonly codes: readonly Pair[]
}

type Pair = readonly [organization: string, name: string]

/** In one order, or two services that register the same rows would deadlock. */
const REGISTER = `
WITH o AS (
  INSERT INTO organizations (id) SELECT id FROM unnest($1::uuid[]) AS u (id) ORDER BY id
  ON CONFLICT DO NOTHING
), c AS (
  INSERT INTO customers (organization_id, external_id)
  SELECT o, x FROM unnest($2::uuid[], $3::text[]) AS u (o, x) ORDER BY o, x ON CONFLICT DO NOTHING
)
INSERT INTO billable_codes (organization_id, code)
SELECT o, x FROM unnest($4::uuid[], $5::text[]) AS u (o, x) ORDER BY o, x ON CONFLICT DO NOTHING`

export class ReferenceRows {
  readonly #known = new Set<string>()

  /** Whether any event refers to what this process has not registered. */
  knows(events: readonly IngestEvent[]): boolean {
    return events.every((event) => keysOf(event).every((key) => this.#known.has(key)))
  }

  /** Rejects as the statement does; then nothing is known of these events. */
  async register(client: pg.Client, events: readonly IngestEvent[]): Promise<void> {
    const { organizations, customers, codes } = this.#missingFrom(events)
    await client.query({
      name: 'register-references',
      text: REGISTER,
      values: [
        organizations,
        customers.map(([organization]) => organization),
        customers.map(([, name]) => name),
        codes.map(([organization]) => organization),
        codes.map(([, name]) => name),
      ],
    })
    if (this.#known.size > KNOWN_MAX) this.#known.clear()
    for (const event of events) for (const key of keysOf(event)) this.#known.add(key)
  }

  /** For rows that were gone after all: deleted, or lost with commits that were still in memory. */
  forget(): void {
    this.#known.clear()
  }

  #missingFrom(events: readonly IngestEvent[]): Missing {
    const organizations = new Set<string>()
    const customers = new Map<string, Pair>()
    const codes = new Map<string, Pair>()
    for (const event of events) {
      const { organizationId, externalCustomerId, code } = event
      const [organizationKey, customerKey, codeKey] = keysOf(event)
      if (!this.#known.has(organizationKey)) organizations.add(organizationId)
      if (!this.#known.has(customerKey))
        customers.set(customerKey, [organizationId, externalCustomerId])
      if (!this.#known.has(codeKey)) codes.set(codeKey, [organizationId, code])
    }
    return {
      organizations: [...organizations],
      customers: [...customers.values()],
      codes: [...codes.values()],
    }
  }
}

/** An organization is the start of the keys of what belongs to it; a uuid has one length, so no two keys are alike. */
function keysOf(event: IngestEvent): readonly [string, string, string] {
  const { organizationId, externalCustomerId, code } = event
  return [organizationId, `${organizationId}c${externalCustomerId}`, `${organizationId}k${code}`]
}
