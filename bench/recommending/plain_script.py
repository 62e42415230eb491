"""Ratings of one batch or several, the plain way: Spark reads them from MinIO, ALS is fitted and measured, MLflow logs.

In the form of MLflow's and Spark's documentation, with their defaults: python plain_script.py MODEL PART [PART …]
"""

import os
import sys

import mlflow
import mlflow.spark
from pyspark.ml.evaluation import RegressionEvaluator
from pyspark.ml.recommendation import ALS
from pyspark.sql import SparkSession

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
    ratings = spark.read.parquet(*parts).select("user", "item", "rating")
    training, test = ratings.randomSplit([0.9, 0.1], seed=1)
    als = ALS(
        userCol="user", itemCol="item", ratingCol="rating", rank=10, regParam=0.15, coldStartStrategy="drop", seed=1
    )
    model = als.fit(training)
    predictions = model.transform(test)
    rmse = RegressionEvaluator(metricName="rmse", labelCol="rating").evaluate(predictions)

    mlflow.log_param("rank", 10)
    mlflow.log_metric("rmse", rmse)
    mlflow.spark.log_model(model, "model", registered_model_name=model_name)

print(f"rmse {rmse:.3f}")
spark.stop()
