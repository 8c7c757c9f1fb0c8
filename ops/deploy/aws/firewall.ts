/** Security groups out of the map of doors; from outside only Cloudflare's ranges, only HTTPS. */
import { CfnParameter, Stack } from 'aws-cdk-lib';
import { type IVpc, Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { cloudflareRanges } from '../cloudflare.js';
import { CALLS_OUT, DOORS, HOSTS, type Host, HTTPS_PORT } from './network-rules.js';

export class Firewall extends Construct {
  readonly #groups = new Map<Host, SecurityGroup>();

  constructor(scope: Construct, id: string, vpc: IVpc) {
    super(scope, id);
    const ranges = cloudflareRanges();
    const nlb = this.of('nlb', vpc);
    for (const range of ranges.ipv4)
      nlb.addIngressRule(Peer.ipv4(range), Port.tcp(HTTPS_PORT), 'Cloudflare');
    for (const range of ranges.ipv6)
      nlb.addIngressRule(Peer.ipv6(range), Port.tcp(HTTPS_PORT), 'Cloudflare');
    for (const { from, to, port } of DOORS) {
      const [source, target] = [this.of(from, vpc), this.of(to, vpc)];
      target.addIngressRule(source, Port.tcp(port), `from ${from}`);
      source.addEgressRule(target, Port.tcp(port), `to ${to}`);
    }
    const s3 = new CfnParameter(Stack.of(this), 'S3PrefixList', {
      type: 'String',
      description: "the region's list of S3's addresses: com.amazonaws.REGION.s3",
      allowedPattern: 'pl-[0-9a-f]+',
    });
    for (const host of HOSTS)
      this.of(host, vpc).addEgressRule(
        Peer.prefixList(s3.valueAsString),
        Port.tcp(HTTPS_PORT),
        'the release, from S3',
      );
    for (const host of CALLS_OUT)
      this.of(host, vpc).addEgressRule(Peer.anyIpv4(), Port.tcp(HTTPS_PORT), 'HTTPS out');
  }

  group(host: Host): SecurityGroup {
    const group = this.#groups.get(host);
    if (!group) throw new Error(`no door leads to or from ${host}`);
    return group;
  }

  private of(host: Host, vpc: IVpc): SecurityGroup {
    const known = this.#groups.get(host);
    if (known) return known;
    const description = `tollgate ${host}`;
    const group = new SecurityGroup(this, host, { vpc, description, allowAllOutbound: false });
    this.#groups.set(host, group);
    return group;
  }
}
