/** Looking things up in a synthesised template. */
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
  return Object.entries(template.Resources).filter(([, it]) => it.Type === type);
}

/** The text of a value, with `<id>` for what CloudFormation fills in. */
export function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `${value ?? ''}`;
  const it = value as Record<string, unknown>;
  if (it['Ref']) return `<${it['Ref']}>`;
  if (Array.isArray(it['Fn::GetAtt'])) return `<${it['Fn::GetAtt'].join('.')}>`;
  if (Array.isArray(it['Fn::Join'])) {
    const [by, parts] = it['Fn::Join'] as [string, unknown[]];
    return parts.map(textOf).join(by);
  }
  return it['Fn::Base64'] === undefined ? JSON.stringify(value) : textOf(it['Fn::Base64']);
}

export function tagOf(resource: Resource, key: string): string | undefined {
  const tags = (resource.Properties['Tags'] ?? []) as { Key: string; Value: string }[];
  return tags.find((it) => it.Key === key)?.Value;
}
