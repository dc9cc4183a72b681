using System.Diagnostics;

namespace KernOpt.Tests.Shared;

/// <summary>A folder of this test run's own, and programs compiled into it.</summary>
internal static class Scratch
{
    public static string Folder { get; } = Directory.CreateTempSubdirectory("kernopt-system-").FullName;

    /// <summary>Compiles tests/Targets/NAME.c; answers the program's path. Compiled once per set of flags.</summary>
    public static string Compile(string name, params string[] flags)
    {
        var source = Path.Combine(Repository.Root, "tests/Targets", name + ".c");
        var program = Path.Combine(Folder, name + string.Concat(flags).Replace('/', '_'));
        lock (Folder)
        {
            if (File.Exists(program)) return program;
            using var gcc = Process.Start("gcc", [.. flags, "-pthread", source, "-o", program]);
            gcc.WaitForExit();
            return gcc.ExitCode == 0 ? program : throw new InvalidOperationException($"gcc could not compile {source}");
        }
    }
}
