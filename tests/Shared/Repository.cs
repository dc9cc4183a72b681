namespace KernOpt.Tests.Shared;

/// <summary>Where the checkout lies that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "KernOpt.sln"))) return folder.FullName;
        }
        throw new InvalidOperationException("the tests do not run inside a checkout");
    }
}
