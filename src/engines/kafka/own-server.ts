/**
 * The user's own Kafka: how it is named and looked at. No architecture writes to Kafka yet, so no run makes anything
 * there; what one would make are topics and groups below a prefix of its own.
 */
import type { Admin } from 'kafkajs'
import type { EngineSettings, SettingNotInForce } from '../engine.ts'
import type { InspectionRequest, OwnServer, ServerInspection } from '../own-server.ts'
import type { KafkaAddress } from './address.ts'
import { kafkaWarnings, parseKafkaAddress } from './address.ts'
import { kafkaTypeOf, sayKafka, withAdmin } from './connection.ts'

export const ownKafka: OwnServer<KafkaAddress> = {
  parse: parseKafkaAddress,
  secretsOf: ({ sasl, tls }) => [
    ...(sasl === null ? [] : [sasl.password]),
    ...(tls === 'off' || tls.client === null ? [] : [tls.client.key]),
  ],
  say: sayKafka,
  warningsOf: kafkaWarnings,
  inspect: inspectKafka,
  dropLeftover: null,
}

async function inspectKafka(
  address: KafkaAddress,
  { settings, ownName, signal }: InspectionRequest,
): Promise<ServerInspection> {
  return await withAdmin(address, signal, async (admin) => {
    const { brokers, controller } = await admin.describeCluster()
    const noTopic = await whyNoTopic(admin, `${ownName}_events`)
    const count = `${String(brokers.length)} ${brokers.length === 1 ? 'broker' : 'brokers'}`
    const broker = String(controller ?? brokers[0]?.nodeId ?? 0)
    return {
      label: `kafka of ${count}`,
      connection: sayConnection(address),
      creates: [`topics and groups that begin with ${ownName}`],
      notes: {
        settingsNotInForce: await settingsNotInForce(admin, broker, settings),
        unseen: [
          'CPU, memory and disk writes of the brokers are not seen: they run apart from Headroom',
          'its version is not known: Kafka does not tell it to clients',
          ...(noTopic === null ? [] : [`topics of its own cannot be made: ${noTopic}`]),
        ],
      },
    }
  })
}

/** Asked without creating it: null where a topic of the run's own could be made, else why not. */
async function whyNoTopic(admin: Admin, topic: string): Promise<string | null> {
  try {
    await admin.createTopics({
      validateOnly: true,
      waitForLeaders: false,
      topics: [{ topic, numPartitions: 1, replicationFactor: -1 }],
    })
    return null
  } catch (error) {
    const type = kafkaTypeOf(firstOf(error))
    if (type === null) throw error
    return type.endsWith('AUTHORIZATION_FAILED')
      ? 'this user may not create any (ACL: CREATE on topics with the prefix headroom_)'
      : `the broker would refuse one with ${type}`
  }
}

/** Several topics may fail in several ways; we ask about one. */
function firstOf(error: unknown): unknown {
  const { errors } = error as { readonly errors?: readonly unknown[] }
  return errors?.[0] ?? error
}

async function settingsNotInForce(
  admin: Admin,
  broker: string,
  asked: EngineSettings,
): Promise<readonly SettingNotInForce[]> {
  const names = Object.keys(asked)
  if (names.length === 0) return []
  const { default: kafkajs } = await import('kafkajs')
  const type = kafkajs.ConfigResourceTypes.BROKER
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type, name: broker, configNames: names }],
  })
  const found = new Map(
    resources.flatMap(({ configEntries }) =>
      configEntries.map(({ configName, configValue }) => [configName, configValue]),
    ),
  )
  return Object.entries(asked).flatMap(([name, value]) => {
    const inForce = found.get(name) ?? 'not known: the broker has it not, or hides it'
    return inForce === value ? [] : [{ name, asked: value, inForce }]
  })
}

function sayConnection({ tls, sasl }: KafkaAddress): string {
  const wire = tls === 'off' ? 'plain, as the DSN asks' : 'TLS, certificate and host name verified'
  return sasl === null ? wire : `${wire}, SASL ${sasl.mechanism}`
}
