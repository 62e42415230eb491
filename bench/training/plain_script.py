"""One batch, the plain way: Spark reads it from MinIO, a pipeline is fitted, mlflow.spark.log_model registers it.

In the form of MLflow's documentation, with its defaults: python plain_script.py MODEL PART [PART …]
"""

import os
import sys

import mlflow
import mlflow.spark
from pyspark.ml import Pipeline
from pyspark.ml.clustering import KMeans
from pyspark.ml.evaluation import ClusteringEvaluator
from pyspark.ml.feature import Imputer, StandardScaler, VectorAssembler
from pyspark.sql import SparkSession
from pyspark.sql.functions import col

FEATURES = ["dep_delay", "arr_delay", "air_time", "distance", "sched_dep_time"]

model_name, parts = sys.argv[1], sys.argv[2:]

spark = (
    SparkSession.builder.appName("plain")
    .config("spark.jars", os.environ["SWATHE_SPARK_JARS"])
    .config("spark.hadoop.fs.s3a.endpoint", os.environ["AWS_ENDPOINT_URL_S3"])
    .config("spark.hadoop.fs.s3a.endpoint.region", os.environ["AWS_DEFAULT_REGION"])
    .config("spark.hadoop.fs.s3a.access.key", os.environ["AWS_ACCESS_KEY_ID"])
    .config("spark.hadoop.fs.s3a.secret.key", os.environ["AWS_SECRET_ACCESS_KEY"])
    .config("spark.hadoop.fs.s3a.path.style.access", "true")
    .config("spark.hadoop.fs.s3a.connection.ssl.enabled", "false")
    .getOrCreate()
)

mlflow.set_experiment(model_name)
with mlflow.start_run():
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
    predictions = model.transform(flights)
    silhouette = ClusteringEvaluator().evaluate(predictions)

    mlflow.log_param("k", 5)
    mlflow.log_metric("silhouette", silhouette)
    mlflow.spark.log_model(model, "model", registered_model_name=model_name)

print(f"silhouette {silhouette:.3f}")
spark.stop()
