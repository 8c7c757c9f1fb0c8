/** Look-ups in a synthesised template. */
export interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DeletionPolicy?: string;
  readonly UpdatePolicy?: unknown;
  readonly DependsOn?: readonly string[];
}

export interface TemplateJson {
  readonly Resources: Readonly<Record<string, Resource>>;
}

export function resourcesOf(template: TemplateJson, type: string): [string, Resource][] {
  return Object.entries(template.Resources).filter(([, resource]) => resource.Type === type);
}

/** The text of a value, with `<id>` for what CloudFormation fills in. */
export function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `${value ?? ''}`;
  const entry = value as Record<string, unknown>;
  if (entry['Ref']) return `<${entry['Ref']}>`;
  if (Array.isArray(entry['Fn::GetAtt'])) return `<${entry['Fn::GetAtt'].join('.')}>`;
  if (Array.isArray(entry['Fn::Join'])) {
    const [by, parts] = entry['Fn::Join'] as [string, unknown[]];
    return parts.map(textOf).join(by);
  }
  return entry['Fn::Base64'] === undefined ? JSON.stringify(value) : textOf(entry['Fn::Base64']);
}

export function tagOf(resource: Resource, key: string): string | undefined {
  const tags = (resource.Properties['Tags'] ?? []) as { Key: string; Value: string }[];
  return tags.find((tag) => tag.Key === key)?.Value;
}
