"""The limit: scikit-learn on the same rows, without Spark and tracking, in an environment of its own.

Without the silhouette, too: scikit-learn's compares each row with each.
In the form of its documentation: python sklearn_alone.py MODEL PART [PART …]
"""

import os
import sys
from urllib.parse import urlsplit

import pyarrow.parquet as pq
from pyarrow.fs import S3FileSystem
from sklearn.cluster import KMeans  # type: ignore[import-untyped] # it ships no types
from sklearn.impute import SimpleImputer  # type: ignore[import-untyped] # it ships no types
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped] # it ships no types
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped] # it ships no types

FEATURES = ["dep_delay", "arr_delay", "air_time", "distance", "sched_dep_time"]

parts = [part.removeprefix("s3a://") for part in sys.argv[2:]]
endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL_S3"])
store = S3FileSystem(endpoint_override=endpoint.netloc, scheme=endpoint.scheme, region=os.environ["AWS_DEFAULT_REGION"])
flights = pq.ParquetDataset(parts, filesystem=store).read(FEATURES).to_pandas().astype("float64")
model = make_pipeline(SimpleImputer(), StandardScaler(), KMeans(n_clusters=5, random_state=2013)).fit(flights)

print(f"inertia {model[-1].inertia_:.0f}")
