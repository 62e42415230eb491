"""The plain script without tracking: the same pipeline of Spark, saved to the object store and registered nowhere.

In the form of Spark's documentation: python spark_alone.py MODEL PART [PART …]
"""

import os
import sys

from pyspark.ml import Pipeline
from pyspark.ml.clustering import KMeans
from pyspark.ml.evaluation import ClusteringEvaluator
from pyspark.ml.feature import Imputer, StandardScaler, VectorAssembler
from pyspark.sql import SparkSession
from pyspark.sql.functions import col

FEATURES = ["dep_delay", "arr_delay", "air_time", "distance", "sched_dep_time"]

model_name, parts = sys.argv[1], sys.argv[2:]

spark = (
    SparkSession.builder.appName("alone")
    .config("spark.jars", os.environ["SWATHE_SPARK_JARS"])
    .config("spark.hadoop.fs.s3a.endpoint", os.environ["AWS_ENDPOINT_URL_S3"])
    .config("spark.hadoop.fs.s3a.endpoint.region", os.environ["AWS_DEFAULT_REGION"])
    .config("spark.hadoop.fs.s3a.access.key", os.environ["AWS_ACCESS_KEY_ID"])
    .config("spark.hadoop.fs.s3a.secret.key", os.environ["AWS_SECRET_ACCESS_KEY"])
    .config("spark.hadoop.fs.s3a.path.style.access", "true")
    .config("spark.hadoop.fs.s3a.connection.ssl.enabled", "false")
    .getOrCreate()
)

flights = spark.read.parquet(*parts).select([col(name).cast("double") for name in FEATURES])
pipeline = Pipeline(
    stages=[
        Imputer(inputCols=FEATURES, outputCols=[f"{name}_imputed" for name in FEATURES]),
        VectorAssembler(inputCols=[f"{name}_imputed" for name in FEATURES], outputCol="assembled"),
        StandardScaler(inputCol="assembled", outputCol="features", withMean=True, withStd=True),
        KMeans(k=5, seed=2013),
    ]
)
model = pipeline.fit(flights)
silhouette = ClusteringEvaluator().evaluate(model.transform(flights))
model.save(f"s3a://{os.environ.get('SWATHE_BUCKET') or 'batches'}/bench/{model_name}/{parts[0].rpartition('/')[2]}")

print(f"silhouette {silhouette:.3f}")
spark.stop()
