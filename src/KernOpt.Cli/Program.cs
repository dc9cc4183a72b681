Console.WriteLine("kernopt");
