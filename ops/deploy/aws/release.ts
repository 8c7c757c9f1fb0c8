/** The archive of a release, named by the parameters of the template and checked by its digest. */
import { CfnParameter, Fn, Stack } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

export class Release extends Construct {
  readonly bucket: string;
  readonly key: string;
  readonly sha256: string;
  /** Made by image.sh: hosts have no way to a package mirror. */
  readonly image: string;

  constructor(stack: Stack) {
    super(stack, 'Release');
    const parameter = (name: string, description: string, allowedPattern: string): string =>
      new CfnParameter(stack, name, { type: 'String', description, allowedPattern }).valueAsString;
    this.bucket = parameter('ReleaseBucket', 'bucket that holds releases', '[a-z0-9.-]{3,63}');
    this.key = parameter('ReleaseKey', 'key of the archive in it', '[A-Za-z0-9._/-]+');
    this.sha256 = parameter('ReleaseSha256', 'digest of the archive', '[0-9a-f]{64}');
    this.image = new CfnParameter(stack, 'HostImage', {
      type: 'AWS::EC2::Image::Id',
      description: 'machine image after ops/deploy/aws/image.sh',
    }).valueAsString;
  }

  allowRead(role: Role): void {
    const arn = Fn.join('', [
      'arn:',
      Stack.of(this).partition,
      ':s3:::',
      this.bucket,
      '/',
      this.key,
    ]);
    role.addToPolicy(new PolicyStatement({ actions: ['s3:GetObject'], resources: [arn] }));
  }
}
