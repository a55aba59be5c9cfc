import { isObject, type Json, type JsonObject } from './json';

/**
 * Applies a JSON merge patch (RFC 7396): members of the patch replace those of the target, objects are merged, and null
 * removes a member. Neither argument is changed. Members named like those of prototypes stay data.
 */
export function mergePatch(target: Json | undefined, patch: JsonObject): JsonObject {
  const members = new Map<string, Json>(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, isObject(value) ? mergePatch(members.get(name), value) : value);
  }
  return Object.fromEntries(members);
}
