using System.Diagnostics;

namespace KernOpt.Tests.Shared;

/// <summary>A folder of this test run's own, and programs compiled into it.</summary>
internal static class Scratch
{
    public static string Folder { get; } = Create();

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

    private static string Create()
    {
        var folder = Directory.CreateTempSubdirectory("kernopt-tests-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (IOException)
            {
                // A program of a test that was ended by its time limit may still write into it.
            }
        };
        return folder;
    }
}
