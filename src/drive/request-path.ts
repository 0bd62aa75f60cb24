/** Where requests go and which headers they carry, checked before the first one is sent. */
import { HeadroomError } from '../kit/errors.ts'

/** POST goes to the path given, or where the HTTP contract has it when only an address is given. */
export function ingestPath(url: URL): string {
  return url.pathname === '/' ? '/v1/events' : url.pathname + url.search
}

/** @throws HeadroomError BAD_INPUT for a header that would break out of its line; its value is not repeated */
export function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && !/[\r\n\0]/.test(value)) {
        return [name.toLowerCase(), value]
      }
      throw new HeadroomError('BAD_INPUT', `the header ${JSON.stringify(name)} cannot be sent`, {
        hint: 'a header name has no blanks or colons, its value no line breaks',
      })
    }),
  )
}

/** What stands in front of the contract's paths: events are posted to `<base>/v1/events`. */
export function contractBaseOf(url: URL): string {
  return basePathOf(url).replace(/\/v1\/events$/, '')
}

/** The address's own path, without a slash at its end. */
export function basePathOf(url: URL): string {
  return url.pathname.replace(/\/+$/, '')
}
