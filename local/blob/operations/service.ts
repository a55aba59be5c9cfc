import type { Outcome } from '../protocol';
import { xmlDocument } from '../xml';

const OFF =
  '<Version>1.0</Version><Enabled>false</Enabled><RetentionPolicy><Enabled>false</Enabled></RetentionPolicy>';

/** https://learn.microsoft.com/rest/api/storageservices/get-blob-service-properties: everything optional is off. */
export function getServiceProperties(): Outcome {
  const logging =
    '<Version>1.0</Version><Delete>false</Delete><Read>false</Read><Write>false</Write>' +
    '<RetentionPolicy><Enabled>false</Enabled></RetentionPolicy>';
  const body =
    `<Logging>${logging}</Logging><HourMetrics>${OFF}</HourMetrics><MinuteMetrics>${OFF}</MinuteMetrics>` +
    '<Cors /><DeleteRetentionPolicy><Enabled>false</Enabled></DeleteRetentionPolicy>' +
    '<StaticWebsite><Enabled>false</Enabled></StaticWebsite>';
  return {
    status: 200,
    headers: { 'Content-Type': 'application/xml' },
    body: xmlDocument(`<StorageServiceProperties>${body}</StorageServiceProperties>`),
  };
}

/** https://learn.microsoft.com/rest/api/storageservices/get-account-information */
export function getAccountInformation(): Outcome {
  return {
    status: 200,
    headers: {
      'x-ms-sku-name': 'Standard_LRS',
      'x-ms-account-kind': 'StorageV2',
      'x-ms-is-hns-enabled': 'false',
    },
  };
}
