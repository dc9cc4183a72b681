using System.Runtime.CompilerServices;

namespace KernOpt.Tests.Code.Graphs;

/// <summary>Builds the programs next to this file with gcc, into the temporary directory.</summary>
internal static class Compiler
{
    public static string Build(string source, string name, string[] arguments, [CallerFilePath] string here = "")
    {
        var directory = Path.Combine(Path.GetTempPath(), "kernopt-tests-graphs");
        Directory.CreateDirectory(directory);
        var made = Path.Combine(directory, $"{name}-{Environment.ProcessId}");
        BinaryFile.Run("gcc", [Path.Combine(Path.GetDirectoryName(here)!, "Programs", source), "-o", made, .. arguments]);
        return made;
    }
}
